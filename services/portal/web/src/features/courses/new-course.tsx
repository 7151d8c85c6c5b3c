// The form that creates a course.
import type { MessageInitShape } from "@bufbuild/protobuf";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { courses } from "../../api/client";
import { useAction } from "../../api/use-action";
import { useQuery } from "../../api/use-query";
import { Checkbox, Field, Select, TextArea } from "../../components/fields";
import { Form, FormProblem } from "../../components/form";
import { readForm } from "../../components/form-values";
import { ProblemNote } from "../../components/problem-note";
import { CourseKind, type UnitContentSchema, UnitKind } from "../../gen/proctorium/enrollment/v1/courses_pb";
import { messages } from "../../messages";
import { listAllAssessments } from "./courses";

const text = messages.courses;

type Content = MessageInitShape<typeof UnitContentSchema>["content"];

function contentOf(kind: UnitKind, value: (field: string) => string): Content {
  switch (kind) {
    case UnitKind.LESSON:
      return { case: "markdown", value: value("markdown") };
    case UnitKind.LINK:
      return { case: "url", value: value("url") };
    case UnitKind.ASSESSMENT:
      return { case: "assessmentId", value: value("assessment_id") };
    default:
      return undefined;
  }
}

export function NewCourse({ onCreated }: { onCreated: () => void }): JSX.Element {
  const { busy, problem, done, run } = useAction();
  const [steps, setSteps] = useState(1);
  const [createdCount, setCreatedCount] = useState(0);
  const create = (event: SubmitEvent): void => {
    const { value } = readForm(event);
    void run(async (requestId) => {
      await courses.createCourse({
        requestId,
        title: value("title"),
        description: value("description"),
        kind: Number(value("kind")) as CourseKind,
        hours: Number(value("hours")),
        awardsCertificate: value("awards") !== "",
        units: Array.from({ length: steps }, (_, step) => ({
          title: value(`units[${step}].title`),
          content: contentOf(Number(value(`units[${step}].kind`)), (field) => value(`units[${step}].${field}`)),
        })),
      });
      setSteps(1);
      setCreatedCount(createdCount + 1);
      onCreated();
      return text.created(value("title"));
    });
  };
  return (
    <details class="card">
      <summary>{text.create}</summary>
      {/* The key changes after a course is created, so that an empty form replaces the filled one. */}
      <Form key={createdCount} problem={problem} onSubmit={create}>
        <Field label={text.courseTitle} name="title" required maxLength={200} />
        <Field label={text.description} name="description" maxLength={4000} />
        <Select label={text.kind} name="kind">
          <option value={CourseKind.PROCTORED}>{text.kindProctored}</option>
          <option value={CourseKind.SELF_PACED}>{text.kindSelfPaced}</option>
        </Select>
        <Field label={text.hours} name="hours" type="number" min={0} max={1000} step="any" defaultValue="1" required />
        <Checkbox label={text.earnsCertificate} name="awards" />
        {Array.from({ length: steps }, (_, step) => (
          <Step key={step} step={step} />
        ))}
        <FormProblem problem={problem} />
        <p class="row">
          <button type="submit" disabled={busy}>
            {text.createSubmit}
          </button>
          <button type="button" class="plain" onClick={() => setSteps(steps + 1)}>
            {text.addStep}
          </button>
          {steps > 1 && (
            <button type="button" class="plain" onClick={() => setSteps(steps - 1)}>
              {text.removeStep}
            </button>
          )}
        </p>
        <p class="quiet">{text.notPublishedYet}</p>
      </Form>
      <p role="status">{done}</p>
    </details>
  );
}

/** One step of the outline, with the fields that its kind needs. */
function Step({ step }: { step: number }): JSX.Element {
  const [kind, setKind] = useState(UnitKind.LESSON);
  return (
    <fieldset class="step">
      <legend>{text.step(step + 1)}</legend>
      <Select
        label={text.stepKind}
        name={`units[${step}].kind`}
        value={kind}
        onChange={(event) => setKind(Number(event.currentTarget.value))}
      >
        <option value={UnitKind.LESSON}>{text.unitKind.lesson}</option>
        <option value={UnitKind.LINK}>{text.unitKind.link}</option>
        <option value={UnitKind.ASSESSMENT}>{text.unitKind.assessment}</option>
      </Select>
      <Field label={text.stepTitle} name={`units[${step}].title`} required maxLength={200} />
      {kind === UnitKind.LESSON && (
        <TextArea label={text.markdown} hint={text.markdownHint} name={`units[${step}].markdown`} rows={6} required />
      )}
      {kind === UnitKind.LINK && (
        <Field
          label={text.url}
          name={`units[${step}].url`}
          type="url"
          pattern="https://.*"
          title={text.urlHint}
          required
        />
      )}
      {kind === UnitKind.ASSESSMENT && <AssessmentOf step={step} />}
    </fieldset>
  );
}

function AssessmentOf({ step }: { step: number }): JSX.Element {
  const { data, problem } = useQuery("assessments", listAllAssessments);
  return (
    <>
      <ProblemNote problem={problem} />
      <Select label={text.unitKind.assessment} name={`units[${step}].assessment_id`} required>
        {data
          ?.filter(({ publishTime }) => publishTime !== undefined)
          .map(({ assessmentId, title }) => (
            <option key={assessmentId} dir="auto" value={assessmentId}>
              {title}
            </option>
          ))}
      </Select>
    </>
  );
}

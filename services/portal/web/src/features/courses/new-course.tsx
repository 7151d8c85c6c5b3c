// The form that creates a course.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { courses } from "../../api/client";
import { useAction } from "../../api/use-action";
import { useQuery } from "../../api/use-query";
import { Field, Select, TextArea } from "../../components/fields";
import { Form, FormProblem } from "../../components/form";
import { readForm } from "../../components/form-values";
import { ProblemNote } from "../../components/problem-note";
import { CourseKind, UnitKind } from "../../gen/proctorium/enrollment/v1/courses_pb";
import { messages } from "../../messages";
import { listAllAssessments } from "./courses";

export function NewCourse({ onCreated }: { onCreated: () => void }): JSX.Element {
  const { busy, problem, done, run } = useAction();
  const [steps, setSteps] = useState(1);
  const [createdCount, setCreatedCount] = useState(0);
  const create = (event: SubmitEvent): void => {
    const { text } = readForm(event);
    void run(async (requestId) => {
      await courses.createCourse({
        requestId,
        title: text("title"),
        description: text("description"),
        kind: Number(text("kind")) as CourseKind,
        hours: Number(text("hours")),
        awardsCertificate: text("awards") !== "",
        units: Array.from({ length: steps }, (_, step) => ({
          kind: Number(text(`units[${step}].kind`)) as UnitKind,
          title: text(`units[${step}].title`),
          markdown: text(`units[${step}].markdown`),
          url: text(`units[${step}].url`),
          assessmentId: text(`units[${step}].assessment_id`),
        })),
      });
      setSteps(1);
      setCreatedCount(createdCount + 1);
      onCreated();
      return messages.courses.created(text("title"));
    });
  };
  return (
    <details class="card">
      <summary>{messages.courses.create}</summary>
      {/* Each course has a new form, so that choices in the steps of the last one are reset. */}
      <Form key={createdCount} problem={problem} onSubmit={create}>
        <Field label={messages.courses.courseTitle} name="title" required maxLength={200} />
        <Field label={messages.courses.description} name="description" maxLength={4000} />
        <Select label={messages.courses.kind} name="kind">
          <option value={CourseKind.PROCTORED}>{messages.courses.kindProctored}</option>
          <option value={CourseKind.SELF_PACED}>{messages.courses.kindSelfPaced}</option>
        </Select>
        <Field
          label={messages.courses.hours}
          name="hours"
          type="number"
          min={0}
          max={1000}
          step="any"
          defaultValue="1"
          required
        />
        <label class="choice">
          <input type="checkbox" name="awards" />
          {messages.courses.earnsCertificate}
        </label>
        {Array.from({ length: steps }, (_, step) => (
          <Step key={step} step={step} />
        ))}
        <FormProblem problem={problem} />
        <p class="row">
          <button type="submit" disabled={busy}>
            {messages.courses.createSubmit}
          </button>
          <button type="button" class="plain" onClick={() => setSteps(steps + 1)}>
            {messages.courses.addStep}
          </button>
          {steps > 1 && (
            <button type="button" class="plain" onClick={() => setSteps(steps - 1)}>
              {messages.courses.removeStep}
            </button>
          )}
        </p>
        <p class="quiet">{messages.courses.notPublishedYet}</p>
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
      <legend>{messages.courses.step(step + 1)}</legend>
      <Select
        label={messages.courses.stepKind}
        name={`units[${step}].kind`}
        value={kind}
        onChange={(event) => setKind(Number(event.currentTarget.value))}
      >
        <option value={UnitKind.LESSON}>{messages.courses.unitKind.lesson}</option>
        <option value={UnitKind.LINK}>{messages.courses.unitKind.link}</option>
        <option value={UnitKind.ASSESSMENT}>{messages.courses.unitKind.assessment}</option>
      </Select>
      <Field label={messages.courses.stepTitle} name={`units[${step}].title`} required maxLength={200} />
      {kind === UnitKind.LESSON && (
        <TextArea
          label={messages.courses.markdown}
          hint={messages.courses.markdownHint}
          name={`units[${step}].markdown`}
          rows={6}
          required
        />
      )}
      {kind === UnitKind.LINK && (
        <Field
          label={messages.courses.url}
          name={`units[${step}].url`}
          type="url"
          pattern="https://.*"
          title={messages.courses.urlHint}
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
      <Select label={messages.courses.unitKind.assessment} name={`units[${step}].assessment_id`} required>
        {data
          ?.filter(({ publishTime }) => publishTime !== undefined)
          .map(({ assessmentId, title }) => (
            <option key={assessmentId} value={assessmentId}>
              {title}
            </option>
          ))}
      </Select>
    </>
  );
}

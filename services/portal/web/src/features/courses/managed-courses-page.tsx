// The courses of the organisation, for administrators: create, publish, register learners.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { assessments, courses, registrations } from "../../api/client";
import { listAll } from "../../api/pagination";
import { useAction } from "../../api/use-action";
import { useQuery } from "../../api/use-query";
import { Badge, ProctoredBadge } from "../../components/badge";
import { Field, Select, TextArea } from "../../components/fields";
import { Form, FormProblem } from "../../components/form";
import { readForm } from "../../components/form-values";
import { Link } from "../../components/link";
import { Loading } from "../../components/loading";
import { PageTitle } from "../../components/page-title";
import { ProblemNote } from "../../components/problem-note";
import type { Assessment } from "../../gen/proctorium/assessment/v1/assessments_pb";
import { type Course, CourseKind, UnitKind } from "../../gen/proctorium/enrollment/v1/courses_pb";
import type { Person } from "../../gen/proctorium/enrollment/v1/people_pb";
import { Role } from "../../gen/proctorium/options/v1/options_pb";
import { counted, sortedBy } from "../../messages/format";
import { listAllPeople } from "../people/people-page";

export function ManagedCoursesPage(): JSX.Element {
  const { data, problem, reload } = useQuery("managed-courses", listAllCourses);
  const learners = useQuery("people", listAllPeople);
  return (
    <>
      <PageTitle>Courses</PageTitle>
      <NewCourse created={reload} />
      <ProblemNote problem={problem ?? learners.problem} />
      {data === undefined && problem === undefined && <Loading what="the courses" />}
      {data?.length === 0 && <p>There are no courses yet.</p>}
      <ul class="cards">
        {data?.map((course) => (
          <li key={course.courseId} class="card">
            <CourseCard course={course} people={learners.data ?? []} changed={reload} />
          </li>
        ))}
      </ul>
    </>
  );
}

export async function listAllCourses(): Promise<Course[]> {
  const found = await listAll(
    (pageToken) => courses.listCourses({ pageSize: 200, pageToken }),
    (page) => page.courses,
  );
  return sortedBy(found, (course) => course.title);
}

export async function listAllAssessments(): Promise<Assessment[]> {
  const found = await listAll(
    (pageToken) => assessments.listAssessments({ pageSize: 200, pageToken }),
    (page) => page.assessments,
  );
  return sortedBy(found, (assessment) => assessment.title);
}

function CourseCard({
  course,
  people,
  changed,
}: {
  course: Course;
  people: readonly Person[];
  changed: () => void;
}): JSX.Element {
  const { busy, problem, run } = useAction();
  const publish = (): Promise<void> =>
    run(async (requestId) => {
      await courses.publishCourse({ requestId, courseId: course.courseId });
      changed();
    });
  return (
    <>
      <h2>
        <Link to={`/managed-courses/${course.courseId}`}>{course.title}</Link>
      </h2>
      <Summary course={course} />
      <ProblemNote problem={problem} />
      {course.publishTime === undefined ? (
        <button type="button" disabled={busy} onClick={() => void publish()}>
          Publish <span class="visually-hidden">{course.title}</span>
        </button>
      ) : (
        <Register course={course} people={people} />
      )}
    </>
  );
}

function Summary({ course }: { course: Course }): JSX.Element {
  return (
    <>
      <p class="row">
        {course.kind === CourseKind.PROCTORED ? <ProctoredBadge /> : <Badge tone="plain">Self-paced</Badge>}
        {course.publishTime ? <Badge tone="good">Published</Badge> : <Badge tone="wait">Not published</Badge>}
        <span class="quiet">{counted(course.hours, "hour")}</span>
        {course.awardsCertificate && <Badge tone="plain">Awards a certificate</Badge>}
      </p>
      <p class="text">{course.description}</p>
    </>
  );
}

const KINDS: Readonly<Record<number, string>> = {
  [UnitKind.LESSON]: "Lesson",
  [UnitKind.LINK]: "Link",
  [UnitKind.ASSESSMENT]: "Assessment",
};

/** One course as its administrators see it: what it consists of, and whether learners see it. */
export function ManagedCoursePage({ courseId }: { courseId: string }): JSX.Element {
  const { data, problem } = useQuery(courseId, () => courses.getCourse({ courseId }));
  const course = data?.course;
  return (
    <>
      <PageTitle>{course?.title ?? "Course"}</PageTitle>
      <ProblemNote problem={problem} />
      {course === undefined && problem === undefined && <Loading what="the course" />}
      {course && (
        <>
          <Summary course={course} />
          <h2>Content</h2>
          <ol class="outline">
            {course.units.map((unit) => (
              <li key={unit.unitId} class="card">
                <h3>{unit.title}</h3>
                <p class="quiet">{KINDS[unit.kind]}</p>
              </li>
            ))}
          </ol>
        </>
      )}
      <p>
        <Link to="/managed-courses">All courses, to publish them and to register learners</Link>
      </p>
    </>
  );
}

function Register({ course, people }: { course: Course; people: readonly Person[] }): JSX.Element {
  const { busy, problem, done, run } = useAction();
  const register = (event: SubmitEvent): void => {
    const personId = readForm(event).text("person_id");
    void run(async (requestId) => {
      await registrations.createRegistration({ requestId, personId, courseId: course.courseId });
      return `${people.find((person) => person.personId === personId)?.legalName} is registered.`;
    }, personId);
  };
  return (
    <details>
      <summary>
        Register a learner <span class="visually-hidden">in {course.title}</span>
      </summary>
      <Form problem={problem} onSubmit={register}>
        <Select label="Learner" name="person_id" required>
          {people
            .filter((person) => person.roles.includes(Role.LEARNER))
            .map((person) => (
              <option key={person.personId} value={person.personId}>
                {person.legalName}, {person.email}
              </option>
            ))}
        </Select>
        <FormProblem problem={problem} />
        <button type="submit" class="plain" disabled={busy}>
          Register
        </button>
        <p role="status">{done}</p>
      </Form>
    </details>
  );
}

function NewCourse({ created }: { created: () => void }): JSX.Element {
  const { busy, problem, done, run } = useAction();
  const [steps, setSteps] = useState(1);
  const [made, setMade] = useState(0);
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
      setMade(made + 1);
      created();
      return `“${text("title")}” was created.`;
    });
  };
  return (
    <details class="card">
      <summary>Create a course</summary>
      {/* After each course a new form: what was chosen in the steps goes with the old one. */}
      <Form key={made} problem={problem} onSubmit={create}>
        <Field label="Title" name="title" required maxLength={200} />
        <Field label="Description" name="description" maxLength={4000} />
        <Select label="How it is taken" name="kind">
          <option value={CourseKind.PROCTORED}>Proctored: in live sessions under a proctor</option>
          <option value={CourseKind.SELF_PACED}>Self-paced: at any time, alone</option>
        </Select>
        <Field
          label="Hours it counts for"
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
          Completing it earns a certificate
        </label>
        {Array.from({ length: steps }, (_, step) => (
          <Step key={step} step={step} />
        ))}
        <FormProblem problem={problem} />
        <p class="row">
          <button type="submit" disabled={busy}>
            Create
          </button>
          <button type="button" class="plain" onClick={() => setSteps(steps + 1)}>
            One more step
          </button>
          {steps > 1 && (
            <button type="button" class="plain" onClick={() => setSteps(steps - 1)}>
              Take the last step off
            </button>
          )}
        </p>
        <p class="quiet">It is not published yet: learners see it when you publish it.</p>
      </Form>
      <p role="status">{done}</p>
    </details>
  );
}

/** One step of the outline: what its kind needs, and nothing else. */
function Step({ step }: { step: number }): JSX.Element {
  const [kind, setKind] = useState(UnitKind.LESSON);
  return (
    <fieldset class="step">
      <legend>Step {step + 1}</legend>
      <Select
        label="Kind"
        name={`units[${step}].kind`}
        value={kind}
        onChange={(event) => setKind(Number(event.currentTarget.value))}
      >
        <option value={UnitKind.LESSON}>Lesson</option>
        <option value={UnitKind.LINK}>Link</option>
        <option value={UnitKind.ASSESSMENT}>Assessment</option>
      </Select>
      <Field label="Title of the step" name={`units[${step}].title`} required maxLength={200} />
      {kind === UnitKind.LESSON && (
        <TextArea
          label="Text, in Markdown"
          hint="Pictures need an address that begins with https://; of any other picture, learners see the description."
          name={`units[${step}].markdown`}
          rows={6}
          required
        />
      )}
      {kind === UnitKind.LINK && (
        <Field
          label="Address"
          name={`units[${step}].url`}
          type="url"
          pattern="https://.*"
          title="It begins with https://"
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
      <Select label="Assessment" name={`units[${step}].assessment_id`} required>
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

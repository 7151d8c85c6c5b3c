// A course: its outline, and its lessons where they are open.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { attempts, courses, sessions } from "../calls";
import { type Course, CourseKind, type Unit, UnitKind } from "../gen/proctorium/enrollment/v1/courses_pb";
import { SessionState } from "../gen/proctorium/session/v1/sessions_pb";
import { bestOf, useOwnResults } from "../own-results";
import { Busy, Link, ProblemNote, ProctorMark, Title, useAction, useLoaded } from "../parts";
import { go } from "../route";
import { Ways } from "./courses";

export function CoursePage({ courseId }: { courseId: string }): JSX.Element {
  const { loaded, problem } = useLoaded(courseId, () => courses.getCourse({ courseId }));
  const results = useOwnResults();
  const course = loaded?.course;
  if (course === undefined) {
    return (
      <>
        <Title>Course</Title>
        {problem ? <ProblemNote problem={problem} /> : <Busy what="the course" />}
      </>
    );
  }
  return (
    <>
      <Title>{course.title}</Title>
      {course.kind === CourseKind.PROCTORED && (
        <>
          <p>
            <ProctorMark />
          </p>
          <Ways course={course} result={bestOf(results, (entry) => entry.courseId === courseId)} />
        </>
      )}
      <p>{course.description}</p>
      <section>
        <h2>Content</h2>
        {course.kind === CourseKind.PROCTORED && <WhereItOpens course={course} />}
        <Outline course={course} open={course.kind !== CourseKind.PROCTORED} />
      </section>
    </>
  );
}

/** The content of a proctored course opens on the page of its session, which knows whether the learner is in it. */
function WhereItOpens({ course }: { course: Course }): JSX.Element {
  const { loaded } = useLoaded(course.courseId, () => sessions.listSessions({ liveOnly: true }));
  const open = loaded?.sessions.filter(({ state, plan }) => state === SessionState.IN_PROGRESS && plan?.courseId === course.courseId) ?? [];
  return (
    <>
      <p>It opens on the page of your session, while that is in progress.</p>
      {open.map((session) => (
        <p key={session.sessionId}>
          In progress now: <Link to={`/sessions/${session.sessionId}`}>{session.plan?.title}</Link>
        </p>
      ))}
    </>
  );
}

/** The units of a course; where it is `open`, a lesson opens where it stands. */
export function Outline({ course, open }: { course: Course; open: boolean }): JSX.Element {
  return (
    <ol class="outline">
      {course.units.map((unit) => (
        <li key={unit.unitId} class="card">
          {unit.kind === UnitKind.LESSON && (open ? <Lesson unit={unit} /> : <h3>{unit.title}</h3>)}
          {unit.kind === UnitKind.LINK && <Elsewhere unit={unit} />}
          {unit.kind === UnitKind.ASSESSMENT && <AssessmentUnit course={course} unit={unit} />}
        </li>
      ))}
    </ol>
  );
}

/** A link to another site, in a tab of its own; without its address while the content is closed. */
function Elsewhere({ unit }: { unit: Unit }): JSX.Element {
  if (unit.url === "") return <h3>{unit.title}</h3>;
  return (
    <a href={unit.url} rel="noreferrer noopener" target="_blank">
      {unit.title} <span class="quiet">(opens in a new tab)</span>
    </a>
  );
}

function Lesson({ unit }: { unit: Unit }): JSX.Element {
  const [html, setHtml] = useState<string | undefined>(undefined);
  const { busy, problem, run } = useAction();
  const open = (): Promise<void> =>
    run(async (requestId) => {
      setHtml((await courses.openLesson({ unitId: unit.unitId })).html);
      await courses.recordProgress({ requestId, unitId: unit.unitId });
    });
  return (
    <>
      <div class="row">
        <h3>{unit.title}</h3>
        {html === undefined && (
          <button type="button" class="plain" disabled={busy} onClick={() => void open()}>
            Open <span class="visually-hidden">{unit.title}</span>
          </button>
        )}
      </div>
      <ProblemNote problem={problem} />
      {/* The server sends sanitised HTML (P3). */}
      {html !== undefined && <article class="lesson" dangerouslySetInnerHTML={{ __html: html }} />}
    </>
  );
}

function AssessmentUnit({ course, unit }: { course: Course; unit: Unit }): JSX.Element {
  if (course.kind !== CourseKind.PROCTORED) return <SelfPacedAssessment unit={unit} />;
  return (
    <div class="row">
      <h3>{unit.title}</h3>
      <span class="quiet">Taken in the session, when your proctor authorises it</span>
    </div>
  );
}

/** Once it is passed, its result comes first. */
function SelfPacedAssessment({ unit }: { unit: Unit }): JSX.Element {
  const { busy, problem, run } = useAction();
  const result = bestOf(useOwnResults(), (entry) => entry.result?.assessmentId === unit.assessmentId);
  const begin = (): Promise<void> =>
    run(async (requestId) => {
      const { attempt } = await attempts.createAttempt({ requestId, assessmentId: unit.assessmentId });
      go(`/attempts/${attempt?.attemptId}`);
    });
  return (
    <>
      <div class="row">
        <h3>{unit.title}</h3>
        {result && (
          <Link to={`/results/${result.attemptId}`} class={result.passed ? "button" : "button plain"}>
            View result
          </Link>
        )}
        <button type="button" class={result?.passed ? "plain" : ""} disabled={busy} onClick={() => void begin()}>
          {result ? "Take the assessment again" : "Take the assessment"}
        </button>
      </div>
      <ProblemNote problem={problem} />
    </>
  );
}

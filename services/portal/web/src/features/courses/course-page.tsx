// A course: its outline, and its lessons where they are open.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { attempts, courses, registrations, sessions } from "../../api/client";
import { useAction } from "../../api/use-action";
import { useQuery } from "../../api/use-query";
import { Badge, ProctoredBadge } from "../../components/badge";
import { Link } from "../../components/link";
import { Loading } from "../../components/loading";
import { PageTitle } from "../../components/page-title";
import { ProblemNote } from "../../components/problem-note";
import { type Course, CourseKind, type Unit, UnitKind } from "../../gen/proctorium/enrollment/v1/courses_pb";
import { SessionState } from "../../gen/proctorium/session/v1/sessions_pb";
import { navigate } from "../../route";
import { bestOf, useOwnResults } from "../results/transcript";
import { Ways } from "./courses-page";

export function CoursePage({ courseId }: { courseId: string }): JSX.Element {
  const { data, problem } = useQuery(courseId, () => courses.getCourse({ courseId }));
  const results = useOwnResults();
  const course = data?.course;
  if (course === undefined) {
    return (
      <>
        <PageTitle>Course</PageTitle>
        {problem ? <ProblemNote problem={problem} /> : <Loading what="the course" />}
      </>
    );
  }
  return (
    <>
      <PageTitle>{course.title}</PageTitle>
      {course.kind === CourseKind.PROCTORED && (
        <>
          <p>
            <ProctoredBadge />
          </p>
          <Ways course={course} result={bestOf(results, (entry) => entry.courseId === courseId)} />
        </>
      )}
      <p class="text">{course.description}</p>
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
  const { data } = useQuery(course.courseId, () => sessions.listSessions({ liveOnly: true }));
  const open =
    data?.sessions.filter(
      ({ state, plan }) => state === SessionState.IN_PROGRESS && plan?.courseId === course.courseId,
    ) ?? [];
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

/** The learner's own progress in a course: `finished` is undefined for who is not registered in it, whose progress nobody records. */
interface Progress {
  finished: ReadonlySet<string> | undefined;
  record: (requestId: string, unitId: string) => Promise<void>;
}

function useProgress(courseId: string): Progress {
  const { data } = useQuery(courseId, () => registrations.listMyCourses({}));
  const [recorded, setRecorded] = useState<readonly string[] | undefined>(undefined);
  const mine = data?.courses.find(({ course }) => course?.courseId === courseId);
  return {
    finished: mine && new Set(recorded ?? mine.finishedUnitIds),
    record: async (requestId, unitId) =>
      setRecorded((await courses.recordProgress({ requestId, unitId })).myCourse?.finishedUnitIds),
  };
}

/** The units of a course; where it is `open`, lessons and links can be opened and are recorded as done. */
export function Outline({ course, open }: { course: Course; open: boolean }): JSX.Element {
  const progress = useProgress(course.courseId);
  return (
    <ol class="outline">
      {course.units.map((unit) => (
        <li key={unit.unitId} class="card">
          {unit.kind === UnitKind.LESSON &&
            (open ? <Lesson unit={unit} progress={progress} /> : <UnitTitle unit={unit} progress={progress} />)}
          {unit.kind === UnitKind.LINK && <LinkUnit unit={unit} progress={progress} />}
          {unit.kind === UnitKind.ASSESSMENT && <AssessmentUnit course={course} unit={unit} />}
        </li>
      ))}
    </ol>
  );
}

interface UnitProps {
  unit: Unit;
  progress: Progress;
}

function UnitTitle({ unit, progress }: UnitProps): JSX.Element {
  return (
    <div class="row">
      <h3>{unit.title}</h3>
      <Done unit={unit} progress={progress} />
    </div>
  );
}

function Done({ unit, progress }: UnitProps): JSX.Element | null {
  return progress.finished?.has(unit.unitId) ? <Badge tone="good">Done</Badge> : null;
}

/** A link to another site, in a tab of its own; done when it was opened or is marked so. Without its address while the content is closed. */
function LinkUnit({ unit, progress }: UnitProps): JSX.Element {
  const { busy, problem, run } = useAction();
  if (unit.url === "") return <UnitTitle unit={unit} progress={progress} />;
  const open = progress.finished !== undefined && !progress.finished.has(unit.unitId);
  const finish = (): void => void (open && run((requestId) => progress.record(requestId, unit.unitId)));
  return (
    <>
      <div class="row">
        <a href={unit.url} rel="noreferrer noopener" target="_blank" onClick={finish} onAuxClick={finish}>
          {unit.title} <span class="quiet">(opens in a new tab)</span>
        </a>
        <Done unit={unit} progress={progress} />
        {open && (
          <button type="button" class="plain" disabled={busy} onClick={finish}>
            Mark as done <span class="visually-hidden">{unit.title}</span>
          </button>
        )}
      </div>
      <ProblemNote problem={problem} />
    </>
  );
}

function Lesson({ unit, progress }: UnitProps): JSX.Element {
  const [html, setHtml] = useState<string | undefined>(undefined);
  const { busy, problem, run } = useAction();
  const open = (): Promise<void> =>
    run(async (requestId) => {
      setHtml((await courses.getLesson({ unitId: unit.unitId })).html);
      await progress.record(requestId, unit.unitId);
    });
  return (
    <>
      <div class="row">
        <h3>{unit.title}</h3>
        <Done unit={unit} progress={progress} />
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
      <span class="quiet">Taken in the session, when it is authorised</span>
    </div>
  );
}

/** It can be taken once: afterwards there is its result. */
function SelfPacedAssessment({ unit }: { unit: Unit }): JSX.Element {
  const { busy, problem, run } = useAction();
  const result = bestOf(useOwnResults(), (entry) => entry.result?.assessmentId === unit.assessmentId);
  const begin = (): Promise<void> =>
    run(async (requestId) => {
      const { attempt } = await attempts.createAttempt({ requestId, assessmentId: unit.assessmentId });
      navigate(`/attempts/${attempt?.attemptId}`);
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
        {!result && (
          <button type="button" disabled={busy} onClick={() => void begin()}>
            Take the assessment
          </button>
        )}
      </div>
      <ProblemNote problem={problem} />
    </>
  );
}

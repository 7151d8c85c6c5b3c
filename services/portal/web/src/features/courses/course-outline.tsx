// The outline of a course with its lessons, links and assessments.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { attempts, courses, registrations } from "../../api/client";
import { useAction } from "../../api/use-action";
import { useQuery } from "../../api/use-query";
import { Badge } from "../../components/badge";
import { Link } from "../../components/link";
import { ProblemNote } from "../../components/problem-note";
import { type Course, CourseKind, type Unit, UnitKind } from "../../gen/proctorium/enrollment/v1/courses_pb";
import { messages } from "../../messages";
import { navigate } from "../../route";
import { bestOf, useOwnResults } from "../results/transcript";

const text = messages.courses;

/**
 * The learner's progress in a course. `finished` is undefined for people who are not registered in the course, because
 * they have no progress.
 */
interface Progress {
  finished: ReadonlySet<string> | undefined;
  record: (requestId: string, unitId: string) => Promise<void>;
}

function useProgress(courseId: string): Progress {
  const { data } = useQuery(courseId, () => registrations.listMyCourses({ pageSize: 200 }));
  const [recorded, setRecorded] = useState<readonly string[] | undefined>(undefined);
  const mine = data?.courses.find(({ course }) => course?.courseId === courseId);
  return {
    finished: mine && new Set(recorded ?? mine.finishedUnitIds),
    record: async (requestId, unitId) =>
      setRecorded((await courses.recordProgress({ requestId, unitId })).myCourse?.finishedUnitIds),
  };
}

/** The units of a course. If `open` is true, lessons can be opened. An opened lesson or link is recorded as done. */
export function CourseOutline({ course, open }: { course: Course; open: boolean }): JSX.Element {
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
      <h3 dir="auto">{unit.title}</h3>
      <Done unit={unit} progress={progress} />
    </div>
  );
}

function Done({ unit, progress }: UnitProps): JSX.Element | null {
  return progress.finished?.has(unit.unitId) ? <Badge tone="good">{text.done}</Badge> : null;
}

/**
 * A link to another site, which opens in a new tab. The unit is done when the learner opens the link or marks the unit
 * as done. While the content is closed, the server returns no address.
 */
function LinkUnit({ unit, progress }: UnitProps): JSX.Element {
  const { busy, problem, run } = useAction();
  if (unit.url === "") return <UnitTitle unit={unit} progress={progress} />;
  const open = progress.finished !== undefined && !progress.finished.has(unit.unitId);
  const finish = (): void => void (open && run((requestId) => progress.record(requestId, unit.unitId)));
  return (
    <>
      <div class="row">
        <a href={unit.url} rel="noreferrer noopener" target="_blank" onClick={finish} onAuxClick={finish}>
          <bdi>{unit.title}</bdi> <span class="quiet">{text.newTab}</span>
        </a>
        <Done unit={unit} progress={progress} />
        {open && (
          <button type="button" class="plain" disabled={busy} onClick={finish}>
            {text.markAsDone} <bdi class="visually-hidden">{unit.title}</bdi>
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
        <h3 dir="auto">{unit.title}</h3>
        <Done unit={unit} progress={progress} />
        {html === undefined && (
          <button type="button" class="plain" disabled={busy} onClick={() => void open()}>
            {text.open} <bdi class="visually-hidden">{unit.title}</bdi>
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
      <h3 dir="auto">{unit.title}</h3>
      <span class="quiet">{text.takenInSession}</span>
    </div>
  );
}

/** A self-paced assessment. It can be taken once, and then links to its result. */
function SelfPacedAssessment({ unit }: { unit: Unit }): JSX.Element {
  const { busy, problem, run } = useAction();
  const result = bestOf(useOwnResults(), (entry) => entry.result?.assessmentId === unit.assessmentId);
  const start = (): Promise<void> =>
    run(async (requestId) => {
      const { attempt } = await attempts.createAttempt({ requestId, assessmentId: unit.assessmentId });
      navigate(`/attempts/${attempt?.attemptId}`);
    });
  return (
    <>
      <div class="row">
        <h3 dir="auto">{unit.title}</h3>
        {result && (
          <Link to={`/results/${result.attemptId}`} class={result.passed ? "button" : "button plain"}>
            {text.viewResult}
          </Link>
        )}
        {!result && (
          <button type="button" disabled={busy} onClick={() => void start()}>
            {text.takeAssessment}
          </button>
        )}
      </div>
      <ProblemNote problem={problem} />
    </>
  );
}

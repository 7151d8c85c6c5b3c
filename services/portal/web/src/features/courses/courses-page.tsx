// The learner's courses, and the sessions that they are expected in.
import type { JSX } from "preact";
import { registrations, sessions } from "../../api/client";
import { useQuery } from "../../api/use-query";
import { Badge, ProctoredBadge } from "../../components/badge";
import { Link } from "../../components/link";
import { Loading } from "../../components/loading";
import { PageTitle } from "../../components/page-title";
import { ProblemNote } from "../../components/problem-note";
import type { Result } from "../../gen/proctorium/assessment/v1/results_pb";
import { type Course, CourseKind } from "../../gen/proctorium/enrollment/v1/courses_pb";
import { SessionState } from "../../gen/proctorium/session/v1/sessions_pb";
import { counted, dateTime, sortedBy } from "../../messages/format";
import { bestOf, useOwnResults } from "../results/transcript";

export function CoursesPage(): JSX.Element {
  const { data, problem } = useQuery("courses", () => registrations.listMyCourses({}));
  const results = useOwnResults();
  return (
    <>
      <PageTitle>Your courses</PageTitle>
      <ProblemNote problem={problem} />
      {data === undefined && problem === undefined && <Loading what="your courses" />}
      {data?.courses.length === 0 && (
        <p>You are not registered in a course yet. Your administrator can register you.</p>
      )}
      <ul class="cards">
        {sortedBy(data?.courses ?? [], ({ course }) => course?.title ?? "").map(
          ({ course, registration, finishedUnitIds, unitCount }) => (
            <li key={course?.courseId} class="card">
              <h2>
                <Link to={`/courses/${course?.courseId}`}>{course?.title}</Link>
              </h2>
              <p class="row">
                {course?.kind === CourseKind.PROCTORED ? <ProctoredBadge /> : <Badge tone="plain">Self-paced</Badge>}
                {registration?.completeTime ? (
                  <Badge tone="good">Completed</Badge>
                ) : (
                  <span class="quiet">
                    {finishedUnitIds.length} of {counted(unitCount, "step")} done
                  </span>
                )}
              </p>
              <p class="text">{course?.description}</p>
              {course && (
                <Ways
                  course={course}
                  completed={registration?.completeTime !== undefined}
                  result={bestOf(results, (entry) => entry.courseId === course.courseId)}
                />
              )}
            </li>
          ),
        )}
      </ul>
      <UpcomingSessions />
    </>
  );
}

/** What comes next in a course: once it is passed, its result and certificate, and no further code. */
export function Ways({
  course,
  completed,
  result,
}: {
  course: Course;
  completed?: boolean;
  result: Result | undefined;
}): JSX.Element | null {
  const passed = result?.passed ?? false;
  const toTake = course.kind === CourseKind.PROCTORED && !passed && !completed;
  const certified = completed === true && course.awardsCertificate;
  if (result === undefined && !toTake && !certified) return null;
  return (
    <p class="row">
      {result && (
        <Link to={`/results/${result.attemptId}`} class={passed ? "button" : "button plain"}>
          {certified ? "View result and certificate" : "View result"}
        </Link>
      )}
      {!result && certified && (
        <Link to="/results" class="button">
          View certificate
        </Link>
      )}
      {toTake && (
        <Link to="/join" class="button">
          Enter Enrollment Code
        </Link>
      )}
    </p>
  );
}

function UpcomingSessions(): JSX.Element | null {
  const { data, problem } = useQuery("sessions", () => sessions.listSessions({ liveOnly: true }));
  if (problem !== undefined) return <ProblemNote problem={problem} />;
  if (!data?.sessions.length) return null;
  return (
    <section>
      <h2>Your sessions</h2>
      <ul class="cards">
        {data.sessions.map((session) => (
          <li key={session.sessionId} class="card">
            <h3>
              <Link to={`/sessions/${session.sessionId}`}>{session.plan?.title}</Link>
            </h3>
            <p class="row">
              <span>{dateTime(session.plan?.startTime)}</span>
              {session.state === SessionState.LOBBY_OPEN && <Badge tone="wait">Lobby open</Badge>}
              {session.state === SessionState.IN_PROGRESS && <Badge tone="good">In progress</Badge>}
            </p>
          </li>
        ))}
      </ul>
    </section>
  );
}

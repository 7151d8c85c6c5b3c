// The learner's courses, and the sessions to which the learner is invited.
import { BookOpen } from "lucide";
import type { JSX } from "preact";
import { registrations, sessions } from "../../api/client";
import { useQuery } from "../../api/use-query";
import { Badge, ProctoredBadge } from "../../components/badge";
import { EmptyState } from "../../components/empty-state";
import { Link } from "../../components/link";
import { Loading } from "../../components/loading";
import { PageTitle } from "../../components/page-title";
import { ProblemNote } from "../../components/problem-note";
import { CourseKind } from "../../gen/proctorium/enrollment/v1/courses_pb";
import { SessionState } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { dateTime, sortedBy } from "../../messages/format";
import { bestOf, useOwnResults } from "../results/transcript";
import { isRunning } from "../sessions/running";
import { CourseLinks } from "./course-links";

const text = messages.courses;

export function CoursesPage(): JSX.Element {
  const { data, problem } = useQuery("courses", () => registrations.listMyCourses({ pageSize: 200 }));
  const results = useOwnResults();
  return (
    <>
      <PageTitle>{text.yourCourses}</PageTitle>
      <ProblemNote problem={problem} />
      {data === undefined && problem === undefined && <Loading what={text.yourCoursesLoading} />}
      {data?.courses.length === 0 && (
        <EmptyState icon={BookOpen}>
          <p>{text.noCourse}</p>
        </EmptyState>
      )}
      <ul class="cards">
        {sortedBy(data?.courses ?? [], ({ course }) => course?.title ?? "").map(
          ({ course, registration, finishedUnitIds, unitCount }) => (
            <li key={course?.courseId} class="card">
              <h2>
                <Link to={`/courses/${course?.courseId}`}>
                  <bdi>{course?.title}</bdi>
                </Link>
              </h2>
              <p class="row">
                {course?.kind === CourseKind.PROCTORED ? (
                  <ProctoredBadge />
                ) : (
                  <Badge tone="plain">{text.selfPaced}</Badge>
                )}
                {registration?.completeTime ? (
                  <Badge tone="good">{text.completed}</Badge>
                ) : (
                  <span class="quiet">{text.stepsDone(finishedUnitIds.length, unitCount)}</span>
                )}
              </p>
              {!registration?.completeTime && unitCount > 0 && (
                <progress
                  value={finishedUnitIds.length}
                  max={unitCount}
                  aria-label={text.stepsDone(finishedUnitIds.length, unitCount)}
                />
              )}
              <p class="text" dir="auto">
                {course?.description}
              </p>
              {course && (
                <CourseLinks
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

function UpcomingSessions(): JSX.Element | null {
  const { data, problem } = useQuery("sessions", () => sessions.listSessions({ liveOnly: true }));
  if (problem !== undefined) return <ProblemNote problem={problem} />;
  if (!data?.sessions.length) return null;
  return (
    <section>
      <h2>{text.yourSessions}</h2>
      <ul class="cards">
        {data.sessions.map((session) => (
          <li key={session.sessionId} class="card">
            <h3>
              <Link to={`/sessions/${session.sessionId}`}>
                <bdi>{session.plan?.title}</bdi>
              </Link>
            </h3>
            <p class="row">
              <span>{dateTime(session.plan?.startTime)}</span>
              {session.state === SessionState.LOBBY_OPEN && <Badge tone="wait">{text.lobbyOpen}</Badge>}
              {isRunning(session) && <Badge tone="good">{text.inProgress}</Badge>}
            </p>
          </li>
        ))}
      </ul>
    </section>
  );
}

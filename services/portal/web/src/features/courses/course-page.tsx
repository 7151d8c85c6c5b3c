// The page of a course with its outline. Lessons of self-paced courses can be opened on this page.
import type { JSX } from "preact";
import { courses, sessions } from "../../api/client";
import { useQuery } from "../../api/use-query";
import { ProctoredBadge } from "../../components/badge";
import { Link } from "../../components/link";
import { Loading } from "../../components/loading";
import { PageTitle } from "../../components/page-title";
import { ProblemNote } from "../../components/problem-note";
import { type Course, CourseKind } from "../../gen/proctorium/enrollment/v1/courses_pb";
import { messages } from "../../messages";
import { bestOf, useOwnResults } from "../results/transcript";
import { isRunning } from "../sessions/running";
import { CourseLinks } from "./course-links";
import { CourseOutline } from "./course-outline";

const text = messages.courses;

export function CoursePage({ courseId }: { courseId: string }): JSX.Element {
  const { data, problem } = useQuery(courseId, () => courses.getCourse({ courseId }));
  const results = useOwnResults();
  const course = data?.course;
  if (course === undefined) {
    return (
      <>
        <PageTitle>{text.course}</PageTitle>
        {problem ? <ProblemNote problem={problem} /> : <Loading what={text.theCourse} />}
      </>
    );
  }
  return (
    <>
      <PageTitle>
        <bdi>{course.title}</bdi>
      </PageTitle>
      {course.kind === CourseKind.PROCTORED && (
        <>
          <p>
            <ProctoredBadge />
          </p>
          <CourseLinks course={course} result={bestOf(results, (entry) => entry.courseId === courseId)} />
        </>
      )}
      <p class="text" dir="auto">
        {course.description}
      </p>
      <section>
        <h2>{text.content}</h2>
        {course.kind === CourseKind.PROCTORED && <OpenSessions course={course} />}
        <CourseOutline course={course} open={course.kind !== CourseKind.PROCTORED} />
      </section>
    </>
  );
}

/**
 * Links to the sessions in progress of a proctored course. Its content opens on the page of a session, because that
 * page knows whether the learner has joined the session.
 */
function OpenSessions({ course }: { course: Course }): JSX.Element {
  const { data } = useQuery(course.courseId, () => sessions.listSessions({ liveOnly: true }));
  const open =
    data?.sessions.filter((session) => isRunning(session) && session.plan?.courseId === course.courseId) ?? [];
  return (
    <>
      <p>{text.opensInSession}</p>
      {open.map((session) => (
        <p key={session.sessionId}>
          {text.inProgressNow}{" "}
          <Link to={`/sessions/${session.sessionId}`}>
            <bdi>{session.plan?.title}</bdi>
          </Link>
        </p>
      ))}
    </>
  );
}

// The links of a course.
import type { JSX } from "preact";
import { Link } from "../../components/link";
import type { Result } from "../../gen/proctorium/assessment/v1/results_pb";
import { type Course, CourseKind } from "../../gen/proctorium/enrollment/v1/courses_pb";
import { messages } from "../../messages";

const text = messages.courses;

/** Links to the entry of an enrollment code, until the learner has passed, and to the result and the certificate. */
export function CourseLinks({
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
          {certified ? text.viewResultAndCertificate : text.viewResult}
        </Link>
      )}
      {!result && certified && (
        <Link to="/results" class="button">
          {text.viewCertificate}
        </Link>
      )}
      {toTake && (
        <Link to="/join" class="button">
          {messages.common.enterCode}
        </Link>
      )}
    </p>
  );
}

// The badges and the description of a course.
import type { JSX } from "preact";
import { Badge, ProctoredBadge } from "../../components/badge";
import { type Course, CourseKind } from "../../gen/proctorium/enrollment/v1/courses_pb";
import { messages } from "../../messages";

const text = messages.courses;

export function CourseSummary({ course }: { course: Course }): JSX.Element {
  return (
    <>
      <p class="row">
        {course.kind === CourseKind.PROCTORED ? <ProctoredBadge /> : <Badge tone="plain">{text.selfPaced}</Badge>}
        {course.publishTime ? (
          <Badge tone="good">{text.published}</Badge>
        ) : (
          <Badge tone="wait">{text.notPublished}</Badge>
        )}
        <span class="quiet">{messages.common.hours(course.hours)}</span>
        {course.awardsCertificate && <Badge tone="plain">{text.awardsCertificate}</Badge>}
      </p>
      <p class="text" dir="auto">
        {course.description}
      </p>
    </>
  );
}

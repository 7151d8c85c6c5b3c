// The courses and assessments of the organisation.
import { assessments, courses } from "../../api/client";
import { listAll } from "../../api/pagination";
import type { Assessment } from "../../gen/proctorium/assessment/v1/assessments_pb";
import type { Course } from "../../gen/proctorium/enrollment/v1/courses_pb";
import { sortedBy } from "../../messages/format";

const PAGE_SIZE = 200;

/** List all courses, sorted by title. */
export async function listAllCourses(): Promise<Course[]> {
  const found = await listAll(
    (pageToken) => courses.listCourses({ pageSize: PAGE_SIZE, pageToken }),
    (page) => page.courses,
  );
  return sortedBy(found, (course) => course.title);
}

/** List all assessments, sorted by title. */
export async function listAllAssessments(): Promise<Assessment[]> {
  const found = await listAll(
    (pageToken) => assessments.listAssessments({ pageSize: PAGE_SIZE, pageToken }),
    (page) => page.assessments,
  );
  return sortedBy(found, (assessment) => assessment.title);
}

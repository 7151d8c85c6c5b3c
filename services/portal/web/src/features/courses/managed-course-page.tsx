// The page of one course, for administrators.
import type { JSX } from "preact";
import { courses } from "../../api/client";
import { useQuery } from "../../api/use-query";
import { Link } from "../../components/link";
import { Loading } from "../../components/loading";
import { PageTitle } from "../../components/page-title";
import { ProblemNote } from "../../components/problem-note";
import { UnitKind } from "../../gen/proctorium/enrollment/v1/courses_pb";
import { messages } from "../../messages";
import { CourseSummary } from "./course-summary";

const text = messages.courses;

const KINDS: Readonly<Record<number, string>> = {
  [UnitKind.LESSON]: text.unitKind.lesson,
  [UnitKind.LINK]: text.unitKind.link,
  [UnitKind.ASSESSMENT]: text.unitKind.assessment,
};

/** Shows the units of a course, and whether the course is published. */
export function ManagedCoursePage({ courseId }: { courseId: string }): JSX.Element {
  const { data, problem } = useQuery(courseId, () => courses.getCourse({ courseId }));
  const course = data?.course;
  return (
    <>
      <PageTitle>{course ? <bdi>{course.title}</bdi> : text.course}</PageTitle>
      <ProblemNote problem={problem} />
      {course === undefined && problem === undefined && <Loading what={text.theCourse} />}
      {course && (
        <>
          <CourseSummary course={course} />
          <h2>{text.content}</h2>
          <ol class="outline">
            {course.units.map((unit) => (
              <li key={unit.unitId} class="card">
                <h3 dir="auto">{unit.title}</h3>
                <p class="quiet">{KINDS[unit.kind]}</p>
              </li>
            ))}
          </ol>
        </>
      )}
      <p>
        <Link to="/managed-courses">{text.allCourses}</Link>
      </p>
    </>
  );
}

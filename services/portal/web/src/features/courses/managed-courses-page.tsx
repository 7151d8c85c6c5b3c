// The courses of the organisation. On this page, administrators create and publish courses, and register learners.
import { Library } from "lucide";
import type { JSX } from "preact";
import { courses, registrations } from "../../api/client";
import { useAction } from "../../api/use-action";
import { useQuery } from "../../api/use-query";
import { EmptyState } from "../../components/empty-state";
import { Select } from "../../components/fields";
import { Form, FormProblem } from "../../components/form";
import { readForm } from "../../components/form-values";
import { Link } from "../../components/link";
import { Loading } from "../../components/loading";
import { PageTitle } from "../../components/page-title";
import { ProblemNote } from "../../components/problem-note";
import type { Course } from "../../gen/proctorium/enrollment/v1/courses_pb";
import type { Person } from "../../gen/proctorium/enrollment/v1/people_pb";
import { Role } from "../../gen/proctorium/options/v1/options_pb";
import { messages } from "../../messages";
import { listAllPeople } from "../people/people";
import { CourseSummary } from "./course-summary";
import { listAllCourses } from "./courses";
import { NewCourse } from "./new-course";

const text = messages.courses;

export function ManagedCoursesPage(): JSX.Element {
  const { data, problem, reload } = useQuery("managed-courses", listAllCourses);
  const learners = useQuery("people", listAllPeople);
  return (
    <>
      <PageTitle>{text.title}</PageTitle>
      <NewCourse onCreated={reload} />
      <ProblemNote problem={problem ?? learners.problem} />
      {data === undefined && problem === undefined && <Loading what={text.theCourses} />}
      {data?.length === 0 && (
        <EmptyState icon={Library}>
          <p>{text.noCourses}</p>
        </EmptyState>
      )}
      <ul class="cards">
        {data?.map((course) => (
          <li key={course.courseId} class="card">
            <CourseCard course={course} people={learners.data ?? []} changed={reload} />
          </li>
        ))}
      </ul>
    </>
  );
}

function CourseCard({
  course,
  people,
  changed,
}: {
  course: Course;
  people: readonly Person[];
  changed: () => void;
}): JSX.Element {
  const { busy, problem, run } = useAction();
  const publish = (): Promise<void> =>
    run(async (requestId) => {
      await courses.publishCourse({ requestId, courseId: course.courseId });
      changed();
    });
  return (
    <>
      <h2>
        <Link to={`/managed-courses/${course.courseId}`}>
          <bdi>{course.title}</bdi>
        </Link>
      </h2>
      <CourseSummary course={course} />
      <ProblemNote problem={problem} />
      {course.publishTime === undefined ? (
        <button type="button" disabled={busy} onClick={() => void publish()}>
          {text.publish} <bdi class="visually-hidden">{course.title}</bdi>
        </button>
      ) : (
        <Register course={course} people={people} />
      )}
    </>
  );
}

function Register({ course, people }: { course: Course; people: readonly Person[] }): JSX.Element {
  const { busy, problem, done, run } = useAction();
  const register = (event: SubmitEvent): void => {
    const personId = readForm(event).value("person_id");
    void run(async (requestId) => {
      await registrations.createRegistration({ requestId, personId, courseId: course.courseId });
      return text.registered(people.find((person) => person.personId === personId)?.legalName ?? "");
    }, personId);
  };
  return (
    <details>
      <summary>
        {text.register} <span class="visually-hidden">{text.registerIn(course.title)}</span>
      </summary>
      <Form problem={problem} onSubmit={register}>
        <Select label={text.learner} name="person_id" required>
          {people
            .filter((person) => person.roles.includes(Role.LEARNER))
            .map((person) => (
              <option key={person.personId} dir="auto" value={person.personId}>
                {person.legalName}, {person.email}
              </option>
            ))}
        </Select>
        <FormProblem problem={problem} />
        <button type="submit" class="plain" disabled={busy}>
          {text.registerSubmit}
        </button>
        <p role="status">{done}</p>
      </Form>
    </details>
  );
}

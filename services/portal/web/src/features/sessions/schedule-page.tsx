// The page on which administrators schedule a session: its course, assessments, people and limits.

import { timestampFromDate } from "@bufbuild/protobuf/wkt";
import { Library } from "lucide";
import type { JSX } from "preact";
import { useMemo, useState } from "preact/hooks";
import { courses as courseService, registrations, sessions } from "../../api/client";
import type { Problem } from "../../api/errors";
import { listAll } from "../../api/pagination";
import { useAction } from "../../api/use-action";
import { useQuery } from "../../api/use-query";
import { DateTimeField, readDateTime } from "../../components/date-time-field";
import { EmptyState } from "../../components/empty-state";
import { CheckboxGroup, Field, type Option, Select } from "../../components/fields";
import { Form, FormProblem } from "../../components/form";
import { readForm } from "../../components/form-values";
import { Link } from "../../components/link";
import { Loading } from "../../components/loading";
import { PageTitle } from "../../components/page-title";
import { ProblemNote } from "../../components/problem-note";
import { CourseKind } from "../../gen/proctorium/enrollment/v1/courses_pb";
import type { Person } from "../../gen/proctorium/enrollment/v1/people_pb";
import { Role } from "../../gen/proctorium/options/v1/options_pb";
import { IdentityPolicy, LateEntry } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { dateTime } from "../../messages/format";
import { navigate } from "../../route";
import { BreakPolicyFields, readBreakPolicy } from "../breaks/policy-fields";
import { ClosingFields } from "../closing/plan-fields";
import { readClosing } from "../closing/read-closing";
import { listAllAssessments, listAllCourses } from "../courses/courses";
import { DisconnectPolicyFields, readDisconnectPolicy } from "../disconnects/policy-fields";
import { isCertified, listAllPeople } from "../people/people";

const text = messages.sessions;

export function SchedulePage(): JSX.Element {
  const { data, problem } = useQuery("schedule", async () => {
    const [courses, assessments, people] = await Promise.all([listAllCourses(), listAllAssessments(), listAllPeople()]);
    return { courses, assessments, people };
  });
  const [courseId, setCourseId] = useState("");
  const courses = data?.courses.filter(
    ({ kind, publishTime }) => kind === CourseKind.PROCTORED && publishTime !== undefined,
  );
  const chosen = courses?.find((course) => course.courseId === courseId) ?? courses?.[0];
  // Load the chosen course separately, because `ListCourses` returns courses without outlines.
  const outline = useQuery(
    chosen?.courseId ?? "",
    async () => chosen && (await courseService.getCourse({ courseId: chosen.courseId })).course,
  );
  const units = outline.data?.courseId === chosen?.courseId ? outline.data?.units : undefined;
  return (
    <section class="narrow">
      <PageTitle>{text.schedule}</PageTitle>
      <ProblemNote problem={problem ?? outline.problem} />
      {data === undefined && problem === undefined && <Loading what={text.coursesAndPeople} />}
      {courses?.length === 0 && (
        <EmptyState icon={Library}>
          <p>{text.noCourse}</p>
          <Link to="/managed-courses" class="button">
            {messages.courses.title}
          </Link>
        </EmptyState>
      )}
      {data && chosen && (
        <Plan
          courses={
            <Select
              label={text.course}
              name="plan.course_id"
              value={chosen.courseId}
              onChange={(event) => setCourseId(event.currentTarget.value)}
            >
              {courses?.map(({ courseId: id, title }) => (
                <option key={id} dir="auto" value={id}>
                  {title}
                </option>
              ))}
            </Select>
          }
          courseId={chosen.courseId}
          title={chosen.title}
          assessments={
            units &&
            data.assessments
              .filter(({ proctored, publishTime }) => proctored && publishTime !== undefined)
              .filter(({ assessmentId }) => units.some((unit) => unit.assessmentId === assessmentId))
              .map(({ assessmentId, title }) => ({ value: assessmentId, text: <bdi>{title}</bdi>, checked: true }))
          }
          people={data.people}
        />
      )}
    </section>
  );
}

interface PlanProps {
  courses: JSX.Element;
  courseId: string;
  title: string;
  /** The assessments in the course's outline; undefined until the outline is loaded. */
  assessments: readonly Option[] | undefined;
  people: readonly Person[];
}

function Plan({ courses, courseId, title, assessments, people }: PlanProps): JSX.Element {
  const { busy, problem: refusal, run } = useAction();
  const [requested, setRequested] = useState<readonly string[]>([]);
  // The form moves the focus to the first invalid field whenever it receives a new problem object. `useMemo` returns
  // the same object until there is another refusal.
  const problem = useMemo(() => refusal && withNames(refusal, requested, people), [refusal]);
  const [noneChosen, setNoneChosen] = useState(false);
  const [startError, setStartError] = useState<string | undefined>(undefined);
  const schedule = (event: SubmitEvent): void => {
    const form = readForm(event);
    const { value, values } = form;
    const none = assessments !== undefined && assessments.length > 0 && values("plan.assessment_ids").length === 0;
    const { time: startTime, error } = readDateTime(value, "plan.start_time");
    setNoneChosen(none);
    setStartError(error);
    if (none || startTime === undefined) return;
    const proctorIds = values("plan.proctor_ids");
    setRequested(proctorIds);
    void run(async (requestId) => {
      const { session } = await sessions.scheduleSession({
        requestId,
        plan: {
          courseId,
          title: value("plan.title"),
          assessmentIds: values("plan.assessment_ids"),
          startTime,
          duration: minutes(value("plan.duration")),
          proctorIds,
          learnerIds: values("plan.learner_ids"),
          capacity: Number(value("plan.capacity")),
          lobbyLead: minutes(value("plan.lobby_lead")),
          lateEntry: lateEntryOf(value),
          lateEntryLimit: minutes(value("plan.late_entry_limit")),
          identityPolicy: Number(value("plan.identity_policy")) as IdentityPolicy,
          breakPolicy: readBreakPolicy(form),
          questionsShownWhilePaused: values("plan.questions_shown_while_paused").length > 0,
          disconnectPolicy: readDisconnectPolicy(form),
          ...readClosing(form),
        },
      });
      navigate(`/supervise/${session?.sessionId}`);
    });
  };
  const proctors = people.filter(
    (person) => person.roles.includes(Role.PROCTOR) && isCertified(person) && person.disabledTime === undefined,
  );
  return (
    <Form class="card" problem={problem} onSubmit={schedule}>
      {courses}
      <Field key={courseId} label={text.planTitle} name="plan.title" required maxLength={200} defaultValue={title} />
      <DateTimeField
        label={text.start}
        name="plan.start_time"
        error={startError}
        onChange={() => setStartError(undefined)}
      />
      <Field label={text.duration} name="plan.duration" type="number" min={1} max={1440} defaultValue="120" required />
      {assessments ? (
        <CheckboxGroup
          key={`assessments of ${courseId}`}
          legend={text.assessments}
          name="plan.assessment_ids"
          options={assessments}
          empty={text.noAssessment}
        />
      ) : (
        <Loading what={text.theAssessments} />
      )}
      <CheckboxGroup
        legend={text.proctors}
        name="plan.proctor_ids"
        options={proctors.map(({ personId, legalName, email }) => ({
          value: personId,
          text: <Contact name={legalName} email={email} />,
        }))}
        empty={text.noProctor}
      />
      <Learners key={courseId} courseId={courseId} people={people} />
      <Field label={text.capacity} name="plan.capacity" type="number" min={1} max={5000} defaultValue="30" required />
      <Field
        label={text.lobbyLead}
        name="plan.lobby_lead"
        type="number"
        min={0}
        max={10080}
        defaultValue="30"
        required
      />
      <LateEntryFields />
      <Select label={text.identityCheck} name="plan.identity_policy">
        <option value={IdentityPolicy.BEFORE_ASSESSMENT}>{text.identityPolicy.beforeAssessment}</option>
        <option value={IdentityPolicy.NONE}>{text.identityPolicy.none}</option>
      </Select>
      <BreakPolicyFields />
      <CheckboxGroup
        legend={text.pauses}
        name="plan.questions_shown_while_paused"
        options={[{ value: "shown", text: text.questionsShown }]}
        empty=""
      />
      <DisconnectPolicyFields />
      <ClosingFields />
      <FormProblem problem={noneChosen || startError ? undefined : problem} />
      <div role="alert">{noneChosen && <p class="note problem">{text.chooseAssessment}</p>}</div>
      <button type="submit" disabled={busy || assessments === undefined}>
        {text.scheduleSubmit}
      </button>
      <p class="quiet">{text.scheduleConsequence}</p>
    </Form>
  );
}

/** The rule for late entry. The minutes apply unless a proctor decides about each learner. */
function LateEntryFields(): JSX.Element {
  const [rule, setRule] = useState<LateEntry>(LateEntry.UNTIL);
  return (
    <>
      <Select
        label={messages.order.lateEntryRule}
        name="plan.late_entry"
        value={rule}
        onChange={(event) => setRule(Number(event.currentTarget.value) as LateEntry)}
      >
        <option value={LateEntry.UNTIL}>{messages.order.lateEntryUntil}</option>
        <option value={LateEntry.APPROVAL}>{messages.order.lateEntryApproval}</option>
      </Select>
      {rule === LateEntry.UNTIL && (
        <Field
          label={text.lateEntry}
          hint={text.lateEntryHint}
          name="plan.late_entry_limit"
          type="number"
          min={0}
          max={1440}
          defaultValue="15"
          required
        />
      )}
    </>
  );
}

function lateEntryOf(value: (name: string) => string): LateEntry {
  if (Number(value("plan.late_entry")) === LateEntry.APPROVAL) return LateEntry.APPROVAL;
  return Number(value("plan.late_entry_limit")) > 0 ? LateEntry.UNTIL : LateEntry.CLOSED;
}

/**
 * Add the proctor's name to each violation that concerns a proctor, because the service returns only the positions of
 * proctors in the request.
 */
function withNames(problem: Problem, proctorIds: readonly string[], people: readonly Person[]): Problem {
  const violations = problem.violations?.map((violation) => {
    const place = /^plan\.proctor_ids\[(\d+)\]$/.exec(violation.field)?.[1];
    const name = people.find(
      ({ personId }) => place !== undefined && personId === proctorIds[Number(place)],
    )?.legalName;
    if (name === undefined) return violation;
    const until = problem.reason === "PROCTOR_NOT_CERTIFIED" ? problem.metadata?.certified_until : undefined;
    if (until === undefined) return { ...violation, sentence: text.violationOf(name, violation.sentence) };
    const time = dateTime(timestampFromDate(new Date(until)));
    return {
      field: violation.field,
      sentence: text.certifiedTooShort(name, time),
    };
  });
  return violations === undefined ? problem : { ...problem, violations };
}

function minutes(text: string): { seconds: bigint } {
  return { seconds: BigInt(Math.round(Number(text) * 60)) };
}

/** The learners who are registered in the course. Each learner is invited unless the administrator unticks the box. */
function Learners({ courseId, people }: { courseId: string; people: readonly Person[] }): JSX.Element {
  const { data, problem } = useQuery(courseId, () =>
    listAll(
      (pageToken) => registrations.listRegistrations({ courseId, pageSize: 200, pageToken }),
      (page) => page.registrations,
    ),
  );
  const registered = new Set(data?.map(({ personId }) => personId));
  if (data === undefined)
    return problem ? <ProblemNote problem={problem} /> : <Loading what={text.registeredLearners} />;
  return (
    <CheckboxGroup
      legend={text.learners}
      name="plan.learner_ids"
      options={people
        .filter(({ personId }) => registered.has(personId))
        .map(({ personId, legalName, email }) => ({
          value: personId,
          text: <Contact name={legalName} email={email} />,
          checked: true,
        }))}
      empty={text.noLearner}
    />
  );
}

function Contact({ name, email }: { name: string; email: string }): JSX.Element {
  return (
    <span>
      <bdi>{name}</bdi>, <bdi>{email}</bdi>
    </span>
  );
}

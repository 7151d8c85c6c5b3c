// What an administrator takes from a person: a role, or the account; and the history of such changes.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { accounts, people } from "../../api/client";
import { listAll } from "../../api/pagination";
import { useAction } from "../../api/use-action";
import { useQuery } from "../../api/use-query";
import { ConfirmAction, ConfirmSubmit } from "../../components/confirm-button";
import { Select, TextArea } from "../../components/fields";
import { Form, FormProblem } from "../../components/form";
import { readForm } from "../../components/form-values";
import { Link } from "../../components/link";
import { Loading } from "../../components/loading";
import { ProblemNote } from "../../components/problem-note";
import { type Person, type PersonChange, PersonChangeKind } from "../../gen/proctorium/enrollment/v1/people_pb";
import { Role } from "../../gen/proctorium/options/v1/options_pb";
import { date, dateTime } from "../../messages/format";
import { ANSWERS_STAY } from "../account/sign-out";
import { isOver, listAllSessions } from "../sessions/sessions-page";

export const ROLES: readonly [Role, string][] = [
  [Role.LEARNER, "Learner"],
  [Role.PROCTOR, "Proctor"],
  [Role.ADMINISTRATOR, "Administrator"],
];

const LOSES: Readonly<Partial<Record<Role, string>>> = {
  [Role.LEARNER]:
    "They leave running sessions within seconds. Answers that they saved in a running assessment are submitted when its time is over; results and certificates stay.",
  [Role.PROCTOR]:
    "Their certification ends, and they lose running sessions within seconds. The sessions go on as planned, for their other proctors and administrators to run.",
  [Role.ADMINISTRATOR]: "They cannot manage people, courses and sessions any more, within seconds.",
};

interface PersonProps {
  person: Person;
  changed: () => void;
}

/** The forms that take rights away, and what was changed before; loaded when it is opened. */
export function PersonRights({ person, changed }: PersonProps): JSX.Element {
  return (
    <>
      {person.roles.includes(Role.PROCTOR) && <LedSessions person={person} />}
      {person.roles.length > 1 && <Revoke person={person} changed={changed} />}
      {person.disabledTime === undefined && <SignOutEverywhere person={person} />}
      {person.disabledTime === undefined ? (
        <Disable person={person} changed={changed} />
      ) : (
        <Enable person={person} changed={changed} />
      )}
      <History person={person} />
    </>
  );
}

function Revoke({ person, changed }: PersonProps): JSX.Element {
  const { busy, problem, run } = useAction();
  const [chosen, setChosen] = useState<Role | undefined>(undefined);
  const held = ROLES.filter(([role]) => person.roles.includes(role));
  const [role, name] = held.find(([known]) => known === chosen) ?? held[0] ?? [Role.UNSPECIFIED, ""];
  const revoke = (event: SubmitEvent): void => {
    const reason = readForm(event).text("reason");
    void run(async (requestId) => {
      await people.revokeRole({ requestId, personId: person.personId, role, reason });
      changed();
    }, `${role} ${reason}`);
  };
  return (
    <Form problem={problem} onSubmit={revoke} aria-label={`Take a role from ${person.legalName}`}>
      <Select
        label="Role to take away"
        name="role"
        value={role}
        onChange={(event) => setChosen(Number(event.currentTarget.value))}
      >
        {held.map(([known, text]) => (
          <option key={known} value={known}>
            {text}
          </option>
        ))}
      </Select>
      <Reason label="Why the role is taken away" />
      <FormProblem problem={problem} />
      <ConfirmSubmit
        label="Take this role away…"
        subject={person.legalName}
        consequence={LOSES[role] ?? ""}
        confirmLabel={`Take away “${name}”`}
        cancelLabel="Leave it"
        busy={busy}
      />
    </Form>
  );
}

function SignOutEverywhere({ person }: { person: Person }): JSX.Element {
  const name = person.legalName;
  return (
    <ConfirmAction
      label="Sign them out everywhere…"
      subject={name}
      consequence={`They are signed out on every device within seconds and can sign in again at once.${person.roles.includes(Role.LEARNER) ? ` ${ANSWERS_STAY}` : ""}`}
      confirmLabel="Sign them out now"
      cancelLabel="Leave it"
      action={async (requestId) => {
        await accounts.signOutEverywhere({ requestId, personId: person.personId });
        return `${name} is signed out everywhere.`;
      }}
    />
  );
}

function Disable({ person, changed }: PersonProps): JSX.Element {
  const { busy, problem, run } = useAction();
  const disable = (event: SubmitEvent): void => {
    const reason = readForm(event).text("reason");
    void run(async (requestId) => {
      await accounts.disableAccount({ requestId, personId: person.personId, reason });
      changed();
    }, reason);
  };
  return (
    <Form problem={problem} onSubmit={disable} aria-label={`Disable the account of ${person.legalName}`}>
      <Reason label="Why the account is disabled" />
      <FormProblem problem={problem} />
      <ConfirmSubmit
        label="Disable the account…"
        subject={person.legalName}
        consequence="They are signed out everywhere within seconds, cannot sign in, and get a mail about it. What they saved stays: answers of a running assessment are submitted when its time is over."
        confirmLabel="Disable the account"
        cancelLabel="Leave it"
        busy={busy}
      />
    </Form>
  );
}

function Enable({ person, changed }: PersonProps): JSX.Element {
  return (
    <ConfirmAction
      label="Enable the account…"
      subject={person.legalName}
      consequence="They can sign in again at once, with the password they had, and get a mail about it."
      confirmLabel="Enable the account"
      cancelLabel="Leave it"
      action={async (requestId) => {
        await accounts.enableAccount({ requestId, personId: person.personId });
        changed();
      }}
    />
  );
}

function Reason({ label }: { label: string }): JSX.Element {
  return (
    <TextArea
      label={label}
      hint="Kept in the history, which only administrators read."
      name="reason"
      rows={2}
      required
      maxLength={500}
    />
  );
}

/** The sessions that would be without this proctor. */
function LedSessions({ person }: { person: Person }): JSX.Element | null {
  const { data, problem } = useQuery(`led/${person.personId}`, listAllSessions);
  const led = data?.filter((session) => !isOver(session) && session.plan?.proctorIds.includes(person.personId));
  if (data === undefined) return problem ? <ProblemNote problem={problem} /> : <Loading what="their sessions" />;
  if (!led?.length) return <p class="quiet">No session that is running or planned has them as a proctor.</p>;
  return (
    <>
      <p>They are a proctor of these sessions. Without the role or the account, only the others can run them:</p>
      <ul>
        {led.map(({ sessionId, plan }) => (
          <li key={sessionId}>
            <Link to={`/supervise/${sessionId}`}>{plan?.title}</Link>, {dateTime(plan?.startTime)},{" "}
            {plan?.proctorIds.length === 1 ? "no other proctor: only administrators" : "other proctors are planned"}
          </li>
        ))}
      </ul>
    </>
  );
}

function History({ person }: { person: Person }): JSX.Element {
  // Loaded again with every change, which the roles and the state of the account show.
  const key = `history/${person.personId}/${person.roles.join()}/${person.disabledTime?.seconds}/${person.certifiedUntilTime?.seconds}`;
  const { data, problem } = useQuery(key, () =>
    listAll(
      (pageToken) => people.listPersonHistory({ personId: person.personId, pageSize: 200, pageToken }),
      (page) => page.changes,
    ),
  );
  if (data === undefined) return problem ? <ProblemNote problem={problem} /> : <Loading what="the history" />;
  if (data.length === 0) return <p class="quiet">Nothing was changed about their roles or account.</p>;
  return (
    <>
      <h3>History</h3>
      <ul>
        {data.map((change) => (
          <li key={change.changeId}>
            {dateTime(change.changeTime)}: {whatChanged(change)}, by{" "}
            {change.changedByName || (change.changedBy ? "somebody whose name is not known" : "the command line")}
            {change.reason && <> – “{change.reason}”</>}
          </li>
        ))}
      </ul>
    </>
  );
}

function whatChanged(change: PersonChange): string {
  const role = ROLES.find(([known]) => known === change.role)?.[1] ?? "";
  switch (change.kind) {
    case PersonChangeKind.ROLE_GRANTED:
      return `role “${role}” given`;
    case PersonChangeKind.ROLE_REVOKED:
      return `role “${role}” taken away`;
    case PersonChangeKind.CERTIFIED:
      return `certified until ${date(change.certifiedUntilTime)}`;
    case PersonChangeKind.DISABLED:
      return "account disabled";
    default:
      return "account enabled";
  }
}

// Forms that revoke a person's role, sign the person out and disable the person's account, and the history of such
// changes.
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
import { messages } from "../../messages";
import { date, dateTime } from "../../messages/format";
import { isOver, listAllSessions } from "../sessions/sessions";
import { ROLES } from "./people";

const text = messages.people;

const REVOKE_CONSEQUENCES: Readonly<Partial<Record<Role, string>>> = {
  [Role.LEARNER]: text.revokeConsequence.learner,
  [Role.PROCTOR]: text.revokeConsequence.proctor,
  [Role.ADMINISTRATOR]: text.revokeConsequence.administrator,
};

interface PersonProps {
  person: Person;
  onChanged: () => void;
}

/**
 * The forms that revoke permissions, and the history of changes. The page shows and loads them only when an
 * administrator opens them.
 */
export function PersonPermissions({ person, onChanged }: PersonProps): JSX.Element {
  return (
    <>
      {person.roles.includes(Role.PROCTOR) && <ProctorSessions person={person} />}
      {person.roles.length > 1 && <Revoke person={person} onChanged={onChanged} />}
      {person.disabledTime === undefined && <SignOutEverywhere person={person} />}
      {person.disabledTime === undefined ? (
        <Disable person={person} onChanged={onChanged} />
      ) : (
        <Enable person={person} onChanged={onChanged} />
      )}
      <History person={person} />
    </>
  );
}

function Revoke({ person, onChanged }: PersonProps): JSX.Element {
  const { busy, problem, run } = useAction();
  const [chosen, setChosen] = useState<Role | undefined>(undefined);
  const held = ROLES.filter(([role]) => person.roles.includes(role));
  const [role, name] = held.find(([known]) => known === chosen) ?? held[0] ?? [Role.UNSPECIFIED, ""];
  const revoke = (event: SubmitEvent): void => {
    const reason = readForm(event).value("reason");
    void run(async (requestId) => {
      await people.revokeRole({ requestId, personId: person.personId, role, reason });
      onChanged();
    }, `${role} ${reason}`);
  };
  return (
    <Form problem={problem} onSubmit={revoke} aria-label={text.revokeForm(person.legalName)}>
      <Select
        label={text.revokeRole}
        name="role"
        value={role}
        onChange={(event) => setChosen(Number(event.currentTarget.value))}
      >
        {held.map(([known, roleName]) => (
          <option key={known} value={known}>
            {" "}
            {roleName}{" "}
          </option>
        ))}
      </Select>
      <Reason label={text.revokeReason} />
      <FormProblem problem={problem} />
      <ConfirmSubmit
        label={text.revoke}
        subject={person.legalName}
        consequence={REVOKE_CONSEQUENCES[role] ?? ""}
        confirmLabel={text.revokeConfirm(name)}
        cancelLabel={text.revokeCancel}
        busy={busy}
      />
    </Form>
  );
}

function SignOutEverywhere({ person }: { person: Person }): JSX.Element {
  const name = person.legalName;
  return (
    <ConfirmAction
      label={text.signOutEverywhere}
      subject={name}
      consequence={
        person.roles.includes(Role.LEARNER)
          ? `${text.signOutEverywhereConsequence} ${messages.account.answersStay}`
          : text.signOutEverywhereConsequence
      }
      confirmLabel={text.signOutEverywhereConfirm}
      cancelLabel={text.signOutEverywhereCancel}
      action={async (requestId) => {
        await accounts.signOutEverywhere({ requestId, personId: person.personId });
        return text.signedOutEverywhere(name);
      }}
    />
  );
}

function Disable({ person, onChanged }: PersonProps): JSX.Element {
  const { busy, problem, run } = useAction();
  const disable = (event: SubmitEvent): void => {
    const reason = readForm(event).value("reason");
    void run(async (requestId) => {
      await accounts.disableAccount({ requestId, personId: person.personId, reason });
      onChanged();
    }, reason);
  };
  return (
    <Form problem={problem} onSubmit={disable} aria-label={text.disableForm(person.legalName)}>
      <Reason label={text.disableReason} />
      <FormProblem problem={problem} />
      <ConfirmSubmit
        label={text.disable}
        subject={person.legalName}
        consequence={text.disableConsequence}
        confirmLabel={text.disableConfirm}
        cancelLabel={text.disableCancel}
        busy={busy}
      />
    </Form>
  );
}

function Enable({ person, onChanged }: PersonProps): JSX.Element {
  return (
    <ConfirmAction
      label={text.enable}
      subject={person.legalName}
      consequence={text.enableConsequence}
      confirmLabel={text.enableConfirm}
      cancelLabel={text.enableCancel}
      action={async (requestId) => {
        await accounts.enableAccount({ requestId, personId: person.personId });
        onChanged();
      }}
    />
  );
}

function Reason({ label }: { label: string }): JSX.Element {
  return <TextArea label={label} hint={text.reasonHint} name="reason" rows={2} required maxLength={500} />;
}

/**
 * Shows the running and planned sessions of a proctor, which would lack this proctor without the role or the account.
 */
function ProctorSessions({ person }: { person: Person }): JSX.Element | null {
  const { data, problem } = useQuery(`led/${person.personId}`, listAllSessions);
  const led = data?.filter((session) => !isOver(session) && session.plan?.proctorIds.includes(person.personId));
  if (data === undefined) return problem ? <ProblemNote problem={problem} /> : <Loading what={text.theirSessions} />;
  if (!led?.length) return <p class="quiet">{text.noSession}</p>;
  return (
    <>
      <p>{text.proctorOf}</p>
      <ul>
        {led.map(({ sessionId, plan }) => (
          <li key={sessionId}>
            <Link to={`/supervise/${sessionId}`}>
              <bdi>{plan?.title}</bdi>
            </Link>
            , {dateTime(plan?.startTime)},{" "}
            {plan?.proctorIds.length === 1 ? text.onlyAdministrators : text.otherProctors}
          </li>
        ))}
      </ul>
    </>
  );
}

function History({ person }: { person: Person }): JSX.Element {
  // The key contains the roles and the state of the account. When they change, the key changes too, so that the history
  // is loaded again.
  const key = `history/${person.personId}/${person.roles.join()}/${person.disabledTime?.seconds}/${person.certifiedUntilTime?.seconds}`;
  const { data, problem } = useQuery(key, () =>
    listAll(
      (pageToken) => people.listPersonHistory({ personId: person.personId, pageSize: 200, pageToken }),
      (page) => page.changes,
    ),
  );
  if (data === undefined) return problem ? <ProblemNote problem={problem} /> : <Loading what={text.theHistory} />;
  if (data.length === 0) return <p class="quiet">{text.noHistory}</p>;
  return (
    <>
      <h3>{text.history}</h3>
      <ul>
        {data.map((change) => (
          <li key={change.changeId}>
            {text.historyEntry(dateTime(change.changeTime), changeText(change), changedBy(change))}
            {change.reason && text.historyReason(change.reason)}
          </li>
        ))}
      </ul>
    </>
  );
}

function changedBy(change: PersonChange): string {
  return change.changedByName || (change.changedBy ? text.unknownName : text.commandLine);
}

function changeText(change: PersonChange): string {
  const role = ROLES.find(([known]) => known === change.role)?.[1] ?? "";
  switch (change.kind) {
    case PersonChangeKind.ROLE_GRANTED:
      return text.changeKind.granted(role);
    case PersonChangeKind.ROLE_REVOKED:
      return text.changeKind.revoked(role);
    case PersonChangeKind.CERTIFIED:
      return text.changeKind.certified(date(change.certifiedUntilTime));
    case PersonChangeKind.DISABLED:
      return text.changeKind.disabled;
    default:
      return text.changeKind.enabled;
  }
}

// The people of the organisation, for administrators: who there is, what they may be, and somebody new.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { people } from "../../api/client";
import { listAll } from "../../api/pagination";
import { useAction } from "../../api/use-action";
import { useQuery } from "../../api/use-query";
import { Badge } from "../../components/badge";
import { ConfirmSubmit } from "../../components/confirm-button";
import { CheckboxGroup, Field, Select } from "../../components/fields";
import { Form, FormProblem } from "../../components/form";
import { readForm } from "../../components/form-values";
import { Loading } from "../../components/loading";
import { endOfDay } from "../../components/local-time";
import { PageTitle } from "../../components/page-title";
import { ProblemNote } from "../../components/problem-note";
import type { Person } from "../../gen/proctorium/enrollment/v1/people_pb";
import { Role } from "../../gen/proctorium/options/v1/options_pb";
import { counted, date, sortedBy } from "../../messages/format";
import { PersonRights, ROLES } from "./person-permissions";

export function PeoplePage(): JSX.Element {
  const { data, problem, reload } = useQuery("people", listAllPeople);
  const [words, setWords] = useState("");
  const found = data?.filter((person) =>
    `${person.legalName} ${person.email}`.toLowerCase().includes(words.toLowerCase()),
  );
  return (
    <>
      <PageTitle>People</PageTitle>
      <NewPerson added={reload} />
      <ProblemNote problem={problem} />
      {data === undefined && problem === undefined && <Loading what="the people" />}
      <Field
        label="Find by name or e-mail address"
        type="search"
        value={words}
        onInput={(event) => setWords(event.currentTarget.value)}
      />
      {found && <p role="status">{counted(found.length, "person", "people")}</p>}
      <ul class="cards">
        {found?.map((person) => (
          <li key={person.personId} class="card">
            <PersonCard person={person} changed={reload} />
          </li>
        ))}
      </ul>
    </>
  );
}

export async function listAllPeople(): Promise<Person[]> {
  const found = await listAll(
    (pageToken) => people.listPeople({ pageSize: 200, pageToken }),
    (page) => page.people,
  );
  return sortedBy(found, (person) => person.legalName);
}

/** Whether somebody is certified to supervise now. */
export function isCertified({ certifiedUntilTime }: Person): boolean {
  return certifiedUntilTime !== undefined && Number(certifiedUntilTime.seconds) * 1000 > Date.now();
}

function PersonCard({ person, changed }: { person: Person; changed: () => void }): JSX.Element {
  const missing = ROLES.filter(([role]) => !person.roles.includes(role));
  const [open, setOpen] = useState(false);
  return (
    <>
      <h2 class="question">{person.legalName}</h2>
      <p class="row">
        <span>{person.email}</span>
        {ROLES.filter(([role]) => person.roles.includes(role)).map(([role, text]) => (
          <Badge key={role} tone="plain">
            {text}
          </Badge>
        ))}
        {person.roles.includes(Role.PROCTOR) && <Certified person={person} />}
        {person.disabledTime !== undefined && <Badge tone="bad">Disabled</Badge>}
      </p>
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          Change <span class="visually-hidden">{person.legalName}</span>
        </summary>
        {missing.length > 0 && <Grant person={person} missing={missing} changed={changed} />}
        {person.roles.includes(Role.PROCTOR) && <Certify person={person} changed={changed} />}
        {open && <PersonRights person={person} changed={changed} />}
      </details>
    </>
  );
}

function Certified({ person }: { person: Person }): JSX.Element {
  if (person.certifiedUntilTime === undefined) return <Badge tone="wait">Not certified</Badge>;
  const until = date(person.certifiedUntilTime);
  return isCertified(person) ? (
    <Badge tone="good">Certified until {until}</Badge>
  ) : (
    <Badge tone="bad">Certification ended {until}</Badge>
  );
}

function Grant({
  person,
  missing,
  changed,
}: {
  person: Person;
  missing: readonly [Role, string][];
  changed: () => void;
}): JSX.Element {
  const { busy, problem, run } = useAction();
  const [chosen, setChosen] = useState<Role | undefined>(undefined);
  // The role that was chosen before may be among those that are had by now.
  const role = missing.find(([known]) => known === chosen)?.[0] ?? missing[0]?.[0] ?? Role.UNSPECIFIED;
  const grant = (event: SubmitEvent): void => {
    event.preventDefault();
    void run(async (requestId) => {
      await people.grantRole({ requestId, personId: person.personId, role });
      changed();
    }, String(role));
  };
  return (
    <Form problem={problem} onSubmit={grant}>
      <Select
        label="Further role"
        name="role"
        value={role}
        onChange={(event) => setChosen(Number(event.currentTarget.value))}
      >
        {missing.map(([known, text]) => (
          <option key={known} value={known}>
            {text}
          </option>
        ))}
      </Select>
      <FormProblem problem={problem} />
      <Submit ask="Give this role" busy={busy} administrator={role === Role.ADMINISTRATOR} />
    </Form>
  );
}

/** The submit button of a form; where the form makes somebody an administrator, it asks for confirmation. */
function Submit({ ask, busy, administrator }: { ask: string; busy: boolean; administrator: boolean }): JSX.Element {
  if (administrator) {
    return (
      <ConfirmSubmit
        label={`${ask}…`}
        consequence="An administrator sees everybody, plans and cancels sessions, and gives roles to others."
        confirmLabel="Make an administrator"
        cancelLabel="Do not"
        busy={busy}
      />
    );
  }
  return (
    <button type="submit" disabled={busy}>
      {ask}
    </button>
  );
}

function Certify({ person, changed }: { person: Person; changed: () => void }): JSX.Element {
  const { busy, problem, run } = useAction();
  const certify = (event: SubmitEvent): void => {
    const until = readForm(event).text("certified_until_time");
    void run(async (requestId) => {
      await people.certifyProctor({ requestId, personId: person.personId, certifiedUntilTime: endOfDay(until) });
      changed();
    }, until);
  };
  return (
    <Form problem={problem} onSubmit={certify}>
      <Field label="Certified as a proctor until" name="certified_until_time" type="date" required />
      <FormProblem problem={problem} />
      <button type="submit" class="plain" disabled={busy}>
        Certify
      </button>
    </Form>
  );
}

function makesAdministrator(form: HTMLFormElement): boolean {
  return new FormData(form).getAll("roles").includes(String(Role.ADMINISTRATOR));
}

function NewPerson({ added }: { added: () => void }): JSX.Element {
  const { busy, problem, done, run } = useAction();
  const [administrator, setAdministrator] = useState(false);
  const add = (event: SubmitEvent): void => {
    const form = event.currentTarget as HTMLFormElement;
    const { text, list } = readForm(event);
    void run(async (requestId) => {
      const { person } = await people.createPerson({
        requestId,
        legalName: text("legal_name"),
        preferredName: text("preferred_name"),
        email: text("email"),
        dateOfBirth: text("date_of_birth"),
        timeZone: text("time_zone"),
        password: text("password"),
        roles: list("roles").map(Number),
      });
      form.reset();
      setAdministrator(false);
      added();
      return `${person?.legalName} was added.`;
    });
  };
  return (
    <details class="card">
      <summary>Add a person</summary>
      <Form
        problem={problem}
        onSubmit={add}
        onChange={(event) => setAdministrator(makesAdministrator(event.currentTarget))}
      >
        <Field
          label="Legal name"
          hint="As in the identity document; it is compared with it."
          name="legal_name"
          required
          maxLength={200}
        />
        <Field label="Preferred name" hint="What to call them, if different." name="preferred_name" maxLength={200} />
        <Field label="E-mail address" name="email" type="email" required maxLength={254} />
        <Field label="Date of birth" name="date_of_birth" type="date" />
        <Field
          label="Time zone"
          hint="Times in mails are given in it."
          name="time_zone"
          defaultValue={Intl.DateTimeFormat().resolvedOptions().timeZone}
          maxLength={64}
        />
        <Field
          label="First password"
          hint="At least 12 characters; without one they cannot sign in with a password yet."
          name="password"
          minLength={12}
          autoComplete="off"
        />
        <CheckboxGroup
          legend="Roles"
          name="roles"
          empty=""
          options={ROLES.map(([role, text]) => ({ value: String(role), text, checked: role === Role.LEARNER }))}
        />
        <FormProblem problem={problem} />
        <Submit ask="Add" busy={busy} administrator={administrator} />
      </Form>
      <p role="status">{done}</p>
    </details>
  );
}

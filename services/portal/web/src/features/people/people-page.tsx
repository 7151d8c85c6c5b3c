// The page on which administrators add people, and see and change the roles and certifications of people.
import { Users } from "lucide";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { people } from "../../api/client";
import { useAction } from "../../api/use-action";
import { useQuery } from "../../api/use-query";
import { Badge } from "../../components/badge";
import { ConfirmSubmit } from "../../components/confirm-button";
import { EmptyState } from "../../components/empty-state";
import { CheckboxGroup, Field, Select } from "../../components/fields";
import { Form, FormProblem } from "../../components/form";
import { readForm } from "../../components/form-values";
import { Loading } from "../../components/loading";
import { endOfDay } from "../../components/local-time";
import { PageTitle } from "../../components/page-title";
import { ProblemNote } from "../../components/problem-note";
import type { Person } from "../../gen/proctorium/enrollment/v1/people_pb";
import { Role } from "../../gen/proctorium/options/v1/options_pb";
import { messages } from "../../messages";
import { date } from "../../messages/format";
import { LANGUAGE_NAMES, LANGUAGES, language } from "../../messages/language";
import { Accommodations } from "./accommodations";
import { isCertified, listAllPeople, ROLES } from "./people";
import { PersonPermissions } from "./person-permissions";

const text = messages.people;

export function PeoplePage(): JSX.Element {
  const { data, problem, reload } = useQuery("people", listAllPeople);
  const [search, setSearch] = useState("");
  const found = data?.filter((person) =>
    `${person.legalName} ${person.email}`.toLowerCase().includes(search.toLowerCase()),
  );
  return (
    <>
      <PageTitle>{text.title}</PageTitle>
      <NewPerson added={reload} />
      <ProblemNote problem={problem} />
      {data === undefined && problem === undefined && <Loading what={text.thePeople} />}
      <Field label={text.find} type="search" value={search} onInput={(event) => setSearch(event.currentTarget.value)} />
      {found && <p role="status">{text.count(found.length)}</p>}
      {found?.length === 0 && (
        <EmptyState icon={Users}>
          <p>{text.nobodyFound}</p>
        </EmptyState>
      )}
      <ul class="cards">
        {found?.map((person) => (
          <li key={person.personId} class="card">
            <PersonCard person={person} onChanged={reload} />
          </li>
        ))}
      </ul>
    </>
  );
}

function PersonCard({ person, onChanged }: { person: Person; onChanged: () => void }): JSX.Element {
  const missing = ROLES.filter(([role]) => !person.roles.includes(role));
  const [open, setOpen] = useState(false);
  return (
    <>
      <h2 class="question" dir="auto">
        {person.legalName}
      </h2>
      <p class="row">
        <bdi>{person.email}</bdi>
        {ROLES.filter(([role]) => person.roles.includes(role)).map(([role, name]) => (
          <Badge key={role} tone="plain">
            {" "}
            {name}{" "}
          </Badge>
        ))}
        {person.roles.includes(Role.PROCTOR) && <CertificationBadge person={person} />}
        {person.disabledTime !== undefined && <Badge tone="bad">{text.disabled}</Badge>}
      </p>
      <details onToggle={(event) => setOpen(event.currentTarget.open)}>
        <summary>
          {text.change} <bdi class="visually-hidden">{person.legalName}</bdi>
        </summary>
        {missing.length > 0 && <Grant person={person} missing={missing} onChanged={onChanged} />}
        {person.roles.includes(Role.PROCTOR) && <Certify person={person} onChanged={onChanged} />}
        {open && <Accommodations person={person} />}
        {open && <PersonPermissions person={person} onChanged={onChanged} />}
      </details>
    </>
  );
}

function CertificationBadge({ person }: { person: Person }): JSX.Element {
  if (person.certifiedUntilTime === undefined) return <Badge tone="wait">{text.notCertified}</Badge>;
  const until = date(person.certifiedUntilTime);
  return isCertified(person) ? (
    <Badge tone="good">{text.certifiedUntil(until)}</Badge>
  ) : (
    <Badge tone="bad">{text.certificationEnded(until)}</Badge>
  );
}

function Grant({
  person,
  missing,
  onChanged,
}: {
  person: Person;
  missing: readonly [Role, string][];
  onChanged: () => void;
}): JSX.Element {
  const { busy, problem, run } = useAction();
  const [chosen, setChosen] = useState<Role | undefined>(undefined);
  // If the chosen role was granted after it was chosen, this role is no longer offered. Choose the first offered role
  // instead.
  const role = missing.find(([known]) => known === chosen)?.[0] ?? missing[0]?.[0] ?? Role.UNSPECIFIED;
  const grant = (event: SubmitEvent): void => {
    event.preventDefault();
    void run(async (requestId) => {
      await people.grantRole({ requestId, personId: person.personId, role });
      onChanged();
    }, String(role));
  };
  return (
    <Form problem={problem} onSubmit={grant}>
      <Select
        label={text.grantRole}
        name="role"
        value={role}
        onChange={(event) => setChosen(Number(event.currentTarget.value))}
      >
        {missing.map(([known, name]) => (
          <option key={known} value={known}>
            {" "}
            {name}{" "}
          </option>
        ))}
      </Select>
      <FormProblem problem={problem} />
      <GrantSubmit
        label={text.grant}
        askLabel={text.grantAsk}
        busy={busy}
        administrator={role === Role.ADMINISTRATOR}
      />
    </Form>
  );
}

interface GrantSubmitProps {
  label: string;
  /** The label if the button asks for confirmation first. */
  askLabel: string;
  busy: boolean;
  /** Whether the form makes somebody an administrator. */
  administrator: boolean;
}

/**
 * The submit button of a form that grants roles. It asks for confirmation if the form makes somebody an administrator.
 */
function GrantSubmit({ label, askLabel, busy, administrator }: GrantSubmitProps): JSX.Element {
  if (administrator) {
    return (
      <ConfirmSubmit
        label={askLabel}
        consequence={text.administratorConsequence}
        confirmLabel={text.administratorConfirm}
        cancelLabel={text.administratorCancel}
        busy={busy}
      />
    );
  }
  return (
    <button type="submit" disabled={busy}>
      {label}
    </button>
  );
}

function Certify({ person, onChanged }: { person: Person; onChanged: () => void }): JSX.Element {
  const { busy, problem, run } = useAction();
  const certify = (event: SubmitEvent): void => {
    const until = readForm(event).value("certified_until_time");
    void run(async (requestId) => {
      await people.certifyProctor({ requestId, personId: person.personId, certifiedUntilTime: endOfDay(until) });
      onChanged();
    }, until);
  };
  return (
    <Form problem={problem} onSubmit={certify}>
      <Field label={text.certify} name="certified_until_time" type="date" required />
      <FormProblem problem={problem} />
      <button type="submit" class="plain" disabled={busy}>
        {text.certifySubmit}
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
    const { value, values } = readForm(event);
    void run(async (requestId) => {
      const { person } = await people.createPerson({
        requestId,
        legalName: value("legal_name"),
        preferredName: value("preferred_name"),
        email: value("email"),
        dateOfBirth: value("date_of_birth"),
        locale: value("locale"),
        timeZone: value("time_zone"),
        password: value("password"),
        roles: values("roles").map(Number),
      });
      form.reset();
      setAdministrator(false);
      added();
      return text.added(person?.legalName ?? "");
    });
  };
  return (
    <details class="card">
      <summary>{text.add}</summary>
      <Form
        problem={problem}
        onSubmit={add}
        onChange={(event) => setAdministrator(makesAdministrator(event.currentTarget))}
      >
        <Field label={text.legalName} hint={text.legalNameHint} name="legal_name" required maxLength={200} />
        <Field label={text.preferredName} hint={text.preferredNameHint} name="preferred_name" maxLength={200} />
        <Field label={text.email} name="email" type="email" required maxLength={254} />
        <Field label={text.dateOfBirth} name="date_of_birth" type="date" />
        <Select label={text.language} hint={text.languageHint} name="locale" defaultValue={language}>
          {LANGUAGES.map((each) => (
            <option key={each} value={each} lang={each}>
              {LANGUAGE_NAMES[each]}
            </option>
          ))}
        </Select>
        <Field
          label={text.timeZone}
          hint={text.timeZoneHint}
          name="time_zone"
          defaultValue={Intl.DateTimeFormat().resolvedOptions().timeZone}
          maxLength={64}
        />
        <Field
          label={text.firstPassword}
          hint={text.firstPasswordHint}
          name="password"
          minLength={12}
          autoComplete="off"
        />
        <CheckboxGroup
          legend={text.roles}
          name="roles"
          empty=""
          options={ROLES.map(([role, name]) => ({ value: String(role), text: name, checked: role === Role.LEARNER }))}
        />
        <FormProblem problem={problem} />
        <GrantSubmit label={text.addSubmit} askLabel={text.addAsk} busy={busy} administrator={administrator} />
      </Form>
      <p role="status">{done}</p>
    </details>
  );
}

// The accommodations of a person: a form for administrators, with the earlier revisions.
import type { JSX } from "preact";
import { accommodations } from "../../api/client";
import { useAction } from "../../api/use-action";
import { useQuery } from "../../api/use-query";
import { Checkbox, Field, TextArea } from "../../components/fields";
import { Form, FormProblem } from "../../components/form";
import { readForm } from "../../components/form-values";
import { Loading } from "../../components/loading";
import { ProblemNote } from "../../components/problem-note";
import type { Accommodations as Revision } from "../../gen/proctorium/enrollment/v1/accommodations_pb";
import type { Person } from "../../gen/proctorium/enrollment/v1/people_pb";
import { messages } from "../../messages";
import { dateTime } from "../../messages/format";

const text = messages.people.accommodations;

const FIELDS = [
  "extra_time_percent",
  "extra_break_minutes",
  "alternative_identity_check",
  "assistive_technology",
  "proctor_note",
];

/** The form is loaded when the administrator opens the changes of a person. */
export function Accommodations({ person }: { person: Person }): JSX.Element {
  const { personId } = person;
  const { data, problem, reload } = useQuery(`accommodations/${personId}`, () =>
    accommodations.listAccommodationRevisions({ personId }),
  );
  if (data === undefined) return problem ? <ProblemNote problem={problem} /> : <Loading what={text.loading} />;
  const [current] = data.revisions;
  return (
    <section class="part">
      <h3>{text.title}</h3>
      <Update key={current?.etag} person={person} current={current} onChanged={reload} />
      {data.revisions.length > 0 && <Revisions revisions={data.revisions} />}
    </section>
  );
}

interface UpdateProps {
  person: Person;
  current: Revision | undefined;
  onChanged: () => void;
}

function Update({ person, current, onChanged }: UpdateProps): JSX.Element {
  const { busy, problem, run } = useAction();
  const update = (event: SubmitEvent): void => {
    const form = readForm(event);
    const changes = {
      personId: person.personId,
      // Revision 0 has the etag "v0". If two administrators concurrently make the first change, the second request is
      // therefore refused.
      etag: current?.etag ?? "v0",
      extraTimePercent: Number(form.value("accommodations.extra_time_percent")),
      extraBreakMinutes: Number(form.value("accommodations.extra_break_minutes")),
      alternativeIdentityCheck: form.value("accommodations.alternative_identity_check") !== "",
      assistiveTechnology: form.value("accommodations.assistive_technology"),
      proctorNote: form.value("accommodations.proctor_note"),
    };
    void run(async (requestId) => {
      await accommodations.updateAccommodations({ requestId, accommodations: changes, updateMask: { paths: FIELDS } });
      onChanged();
    }, JSON.stringify(changes));
  };
  return (
    <Form problem={problem} onSubmit={update} aria-label={text.form(person.legalName)}>
      <Field
        label={text.extraTime}
        hint={text.extraTimeHint}
        name="accommodations.extra_time_percent"
        type="number"
        min={0}
        max={200}
        required
        defaultValue={String(current?.extraTimePercent ?? 0)}
      />
      <Field
        label={text.extraBreak}
        hint={text.extraBreakHint}
        name="accommodations.extra_break_minutes"
        type="number"
        min={0}
        max={120}
        required
        defaultValue={String(current?.extraBreakMinutes ?? 0)}
      />
      <Checkbox
        label={text.alternativeIdentityCheck}
        hint={text.alternativeIdentityCheckHint}
        name="accommodations.alternative_identity_check"
        defaultChecked={current?.alternativeIdentityCheck ?? false}
      />
      <TextArea
        label={text.assistiveTechnology}
        hint={text.assistiveTechnologyHint}
        name="accommodations.assistive_technology"
        rows={2}
        maxLength={1000}
        defaultValue={current?.assistiveTechnology ?? ""}
      />
      <TextArea
        label={text.proctorNote}
        hint={text.proctorNoteHint}
        name="accommodations.proctor_note"
        rows={2}
        maxLength={500}
        defaultValue={current?.proctorNote ?? ""}
      />
      <FormProblem problem={problem} />
      <button type="submit" disabled={busy}>
        {text.save}
      </button>
    </Form>
  );
}

function Revisions({ revisions }: { revisions: readonly Revision[] }): JSX.Element {
  return (
    <details>
      <summary>{text.revisions(revisions.length)}</summary>
      <ol reversed>
        {revisions.map((each) => (
          <li key={each.etag}>
            {text.revision(dateTime(each.writeTime), each.extraTimePercent, each.extraBreakMinutes)}
            {each.alternativeIdentityCheck && <p>{text.revisionAlternative}</p>}
            {each.assistiveTechnology && <p>{text.revisionTechnology(each.assistiveTechnology)}</p>}
            {each.proctorNote && <p>{text.revisionNote(each.proctorNote)}</p>}
          </li>
        ))}
      </ol>
    </details>
  );
}

// The dialog with the form to report or change an incident. The entered values remain stored after the dialog is
// closed.
import type { JSX } from "preact";
import { useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import type { Problem } from "../../api/errors";
import { ConfirmButton } from "../../components/confirm-button";
import { DateTimeField, enteredTime, readDateTime } from "../../components/date-time-field";
import { Dialog } from "../../components/dialog";
import { RadioGroup, Select, TextArea } from "../../components/fields";
import { Form, FormProblem } from "../../components/form";
import { type FormValues, readForm } from "../../components/form-values";
import { type Incident, type IncidentCategory, IncidentSeverity } from "../../gen/proctorium/session/v1/incidents_pb";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import { messages } from "../../messages";
import { dateTime } from "../../messages/format";
import { useNames } from "../people/use-names";
import { authorName, IncidentFacts } from "./incident-facts";
import { charactersLeft, type Draft, isChanged, MAX_NOTE_LENGTH, occurrenceTime } from "./incidents";
import type { Editor, Incidents } from "./use-incidents";

const text = messages.incidents;

const SEVERITIES: readonly [IncidentSeverity, string][] = [
  [IncidentSeverity.NOTE, text.severityChoice.note],
  [IncidentSeverity.WARNING, text.severityChoice.warning],
  [IncidentSeverity.SERIOUS, text.severityChoice.serious],
];

interface IncidentEditorProps {
  incidents: Incidents;
  participants: readonly Participant[];
}

/** The dialog of the open form, if a form is open. */
export function IncidentEditor({
  incidents: { editor, categories },
  participants,
}: IncidentEditorProps): JSX.Element | null {
  const personId = participants.find((one) => one.participantId === editor?.draft.participantId)?.personId;
  const theirs = editor?.draft.theirs;
  const name = useNames([...(personId ? [personId] : []), ...(theirs ? [theirs.writtenBy] : [])]);
  if (editor === undefined) return null;
  return (
    <IncidentDialog
      key={editor.subjectKey}
      editor={editor}
      categories={categories}
      subject={personId ? name(personId) : text.wholeSession}
      name={name}
    />
  );
}

interface IncidentDialogProps {
  editor: Editor;
  categories: readonly IncidentCategory[];
  /** The name of the learner, or the words for the whole session. */
  subject: string;
  name: (personId: string) => string;
}

function IncidentDialog({ editor, categories, subject, name }: IncidentDialogProps): JSX.Element {
  const title = editor.draft.incident ? text.changeAbout(subject) : text.reportAbout(subject);
  return (
    <Dialog title={title} dialog={editor.dialog} onClose={editor.onClose}>
      <IncidentForm key={editor.revision} editor={editor} categories={categories} name={name} />
    </Dialog>
  );
}

interface IncidentFormProps {
  editor: Editor;
  categories: readonly IncidentCategory[];
  name: (personId: string) => string;
}

function IncidentForm({ editor, categories, name }: IncidentFormProps): JSX.Element {
  // The draft fills the fields only when the form is created. To fill the fields with another draft, the dialog creates
  // a new form by changing `key`.
  const [draft] = useState(editor.draft);
  const [entered, setEntered] = useState(draft);
  const [timeError, setTimeError] = useState<string | undefined>(undefined);
  const problem = atFields(editor.problem);
  const left = charactersLeft(entered.entries.note.length);
  const store = (event: Event): void => {
    const changed = withEntries(draft, readForm(event));
    setEntered(changed);
    setTimeError(undefined);
    editor.store(changed);
  };
  const save = (event: SubmitEvent): void => {
    const values = readForm(event);
    const { time, error } = readDateTime(values.value, "occurrence_time");
    setTimeError(error);
    const changed = withEntries(draft, values);
    if (time) editor.save(changed, occurrenceTime(changed, time));
  };
  return (
    <Form problem={problem} onSubmit={save} onInput={store}>
      {draft.theirs && <OtherRevision incident={draft.theirs} categories={categories} name={name} />}
      <Select label={text.categoryLabel} name="category_id" required autoFocus>
        <option value="">{text.chooseCategory}</option>
        {categories.map((group) => (
          <optgroup key={group.categoryId} dir="auto" label={group.title}>
            {group.subcategories.map(({ categoryId, title }) => (
              <option key={categoryId} value={categoryId} selected={categoryId === draft.entries.categoryId}>
                {title}
              </option>
            ))}
          </optgroup>
        ))}
      </Select>
      <RadioGroup
        legend={text.severityLabel}
        name="severity"
        options={SEVERITIES.map(([severity, label]) => ({
          value: String(severity),
          text: label,
          checked: String(severity) === draft.entries.severity,
        }))}
      />
      <TextArea
        label={text.note}
        {...(left === undefined ? {} : { hint: text.charactersLeft(left) })}
        name="note"
        rows={5}
        required
        maxLength={MAX_NOTE_LENGTH}
        defaultValue={draft.entries.note}
      />
      <DateTimeField label={text.time} name="occurrence_time" initial={draft.entries.time} error={timeError} />
      <FormProblem problem={problem} />
      <div class="row">
        <button type="submit" disabled={editor.busy}>
          {text.save}
        </button>
        <button type="button" class="plain" onClick={() => editor.dialog.current?.close()}>
          {text.close}
        </button>
        {isChanged(entered) && (
          <ConfirmButton
            label={text.discard}
            consequence={text.discardConsequence}
            confirmLabel={text.discardConfirm}
            cancelLabel={text.discardCancel}
            busy={editor.busy}
            onConfirm={editor.discard}
          />
        )}
      </div>
    </Form>
  );
}

function withEntries(draft: Draft, { value }: FormValues): Draft {
  const [categoryId, severity, note] = [value("category_id"), value("severity"), value("note")];
  return { ...draft, entries: { categoryId, severity, note, time: enteredTime(value, "occurrence_time") } };
}

/**
 * Return the problem with the names of the form's fields: the violations of an update have names such as
 * `incident.note`, but the form has the field `note`.
 */
function atFields(problem: Problem | undefined): Problem | undefined {
  const violations = problem?.violations?.map((one) => ({ ...one, field: one.field.replace(/^incident\./, "") }));
  return problem && { ...problem, ...(violations ? { violations } : {}) };
}

interface OtherRevisionProps {
  incident: Incident;
  categories: readonly IncidentCategory[];
  name: (personId: string) => string;
}

/** Show the revision that another person saved while the form was open. */
function OtherRevision({ incident, categories, name }: OtherRevisionProps): JSX.Element {
  const note = useRef<HTMLDivElement>(null);
  const reason = useId();
  // The button that had the focus was removed with the earlier form. Move the focus to the note, so that screen readers
  // read the note.
  useLayoutEffect(() => note.current?.focus(), []);
  return (
    <div ref={note} class="note problem" role="group" tabIndex={-1} aria-labelledby={reason} data-reason="STALE_ETAG">
      <p id={reason}>{text.changedMeanwhile(authorName(incident, name), dateTime(incident.writeTime))}</p>
      <IncidentFacts incident={incident} categories={categories} />
      <p>{text.changedMeanwhileNext}</p>
    </div>
  );
}

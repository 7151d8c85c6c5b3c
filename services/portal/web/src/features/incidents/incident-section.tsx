// The incidents of a session, on the supervision page.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { incidents } from "../../api/client";
import { useQuery } from "../../api/use-query";
import { Select } from "../../components/fields";
import { Loading } from "../../components/loading";
import { ProblemNote } from "../../components/problem-note";
import type { Incident, IncidentCategory } from "../../gen/proctorium/session/v1/incidents_pb";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { dateTime, sortedBy } from "../../messages/format";
import { useNames } from "../people/use-names";
import { authorName, IncidentFacts } from "./incident-facts";
import { IncidentDialog } from "./incident-form";
import { acceptsIncidents, categoryName } from "./incidents";
import type { Incidents } from "./use-incidents";
import { WriteIncident } from "./write-incident";

const text = messages.incidents;

const SHOWN_AT_A_TIME = 20;
const WHOLE_SESSION: string = "";
const EVERYTHING = "all";

interface IncidentSectionProps {
  session: Session;
  participants: readonly Participant[];
  incidents: Incidents;
}

export function IncidentSection({
  session,
  participants,
  incidents: { list, categories, problem, status, editor, ...form },
}: IncidentSectionProps): JSX.Element {
  const [about, setAbout] = useState(EVERYTHING);
  const [limit, setLimit] = useState(SHOWN_AT_A_TIME);
  const people = new Map(participants.map(({ participantId, personId }) => [participantId, personId]));
  const theirs = editor?.draft.theirs;
  const name = useNames([
    ...people.values(),
    ...(list ?? []).map(({ writtenBy }) => writtenBy),
    ...(theirs ? [theirs.writtenBy] : []),
  ]);
  const subject = (participantId: string): string =>
    participantId === WHOLE_SESSION ? text.wholeSession : name(people.get(participantId) ?? "");
  const found = (list ?? []).filter(({ participantId }) => about === EVERYTHING || participantId === about);
  const hidden = found.length - limit;
  return (
    <section aria-labelledby="incidents" class="incidents">
      <h2 id="incidents">{text.title(list?.length)}</h2>
      {problem?.reason === "RECORD_CLOSED" ? <p>{problem.sentence}</p> : <ProblemNote problem={problem} />}
      {form.write && acceptsIncidents(session) && (
        <>
          <p class="quiet">
            {text.explanation} {participants.length > 0 && <span class="shortcut">{text.shortcut}</span>}
          </p>
          <p>
            <WriteIncident
              subject={{ participantId: WHOLE_SESSION }}
              label={text.report}
              about={text.aboutSession}
              {...form}
            />
          </p>
        </>
      )}
      <p role="status">{status}</p>
      {list === undefined && problem === undefined && <Loading what={text.theIncidents} />}
      {list?.length === 0 && <p>{text.none}</p>}
      <SubjectFilter list={list ?? []} subject={subject} about={about} setAbout={setAbout} />
      <ul class="cards">
        {found.slice(0, limit).map((incident) => (
          <li key={incident.incidentId} class="card">
            <h3>{subject(incident.participantId)}</h3>
            <IncidentFacts incident={incident} categories={categories} />
            <div class="row apart">
              <span class="quiet">{authorship(incident, name)}</span>
              <WriteIncident
                subject={{ participantId: incident.participantId, incident }}
                label={text.change}
                about={text.changeOf(
                  categoryName(categories, incident.categoryId),
                  subject(incident.participantId),
                  dateTime(incident.occurrenceTime),
                )}
                {...form}
              />
            </div>
            {incident.revision > 1 && <History incident={incident} categories={categories} />}
          </li>
        ))}
      </ul>
      {hidden > 0 && (
        <button type="button" class="plain" onClick={() => setLimit(limit + SHOWN_AT_A_TIME)}>
          {text.showMore(Math.min(hidden, SHOWN_AT_A_TIME))}
        </button>
      )}
      {editor && (
        <IncidentDialog
          key={editor.subjectKey}
          editor={editor}
          categories={categories}
          subject={subject(editor.draft.participantId)}
          name={name}
        />
      )}
    </section>
  );
}

interface SubjectFilterProps {
  list: readonly Incident[];
  subject: (participantId: string) => string;
  about: string;
  setAbout: (participantId: string) => void;
}

/** A choice of the subject whose incidents are shown, if the incidents have several subjects. */
function SubjectFilter({ list, subject, about, setAbout }: SubjectFilterProps): JSX.Element | null {
  const subjects = [...new Set(list.map(({ participantId }) => participantId))];
  if (subjects.length < 2) return null;
  return (
    <div class="narrow-field">
      <Select label={text.showOf} value={about} onChange={(event) => setAbout(event.currentTarget.value)}>
        <option value={EVERYTHING}>{text.everybody}</option>
        {sortedBy(subjects, subject).map((participantId) => (
          <option key={participantId} dir="auto" value={participantId}>
            {subject(participantId)}
          </option>
        ))}
      </Select>
    </div>
  );
}

/** The earlier revisions of an incident. They are loaded when the person opens them. */
function History({
  incident,
  categories,
}: {
  incident: Incident;
  categories: readonly IncidentCategory[];
}): JSX.Element {
  const [open, setOpen] = useState(false);
  return (
    <details onToggle={(event) => setOpen(event.currentTarget.open)}>
      <summary>{text.changed(incident.revision - 1)}</summary>
      {open && <Revisions incident={incident} categories={categories} />}
    </details>
  );
}

function Revisions({
  incident: { incidentId, revision: current },
  categories,
}: {
  incident: Incident;
  categories: readonly IncidentCategory[];
}): JSX.Element {
  const { data, problem } = useQuery(`${incidentId} ${current}`, () => incidents.listIncidentRevisions({ incidentId }));
  const earlier = (data?.revisions ?? []).filter(({ revision }) => revision < current);
  const name = useNames(earlier.map(({ writtenBy }) => writtenBy));
  return (
    <>
      <ProblemNote problem={problem} />
      {data === undefined && problem === undefined && <Loading what={text.theHistory} />}
      {data && <p class="quiet">{text.earlier}</p>}
      <ol class="history">
        {earlier.map((revision) => (
          <li key={revision.revision} class="step">
            <IncidentFacts incident={revision} categories={categories} />
            <p class="quiet">{authorship(revision, name)}</p>
          </li>
        ))}
      </ol>
    </>
  );
}

/** Return a sentence with the author and the time of a revision. */
function authorship(incident: Incident, name: (personId: string) => string): string {
  const sentence = incident.revision === 1 ? text.writtenBy : text.changedBy;
  return sentence(authorName(incident, name), dateTime(incident.writeTime));
}

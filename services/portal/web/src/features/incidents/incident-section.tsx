// The incidents of a session, on the supervision page.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { Select } from "../../components/fields";
import { Loading } from "../../components/loading";
import { ProblemNote } from "../../components/problem-note";
import type { Incident } from "../../gen/proctorium/session/v1/incidents_pb";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { sortedBy } from "../../messages/format";
import { useNames } from "../people/use-names";
import { IncidentCard } from "./incident-card";
import { acceptsIncidents } from "./incidents";
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
  incidents: { list, categories, problem, status, ...form },
}: IncidentSectionProps): JSX.Element {
  const [about, setAbout] = useState(EVERYTHING);
  const [limit, setLimit] = useState(SHOWN_AT_A_TIME);
  const people = new Map(participants.map(({ participantId, personId }) => [participantId, personId]));
  const concerned = (list ?? []).flatMap(({ participantId, writtenBy }) => [
    people.get(participantId) ?? [],
    writtenBy,
  ]);
  const name = useNames(concerned.flat());
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
          <IncidentCard
            key={incident.incidentId}
            incident={incident}
            categories={categories}
            subject={subject(incident.participantId)}
            name={name}
            form={form}
          />
        ))}
      </ul>
      {hidden > 0 && (
        <button type="button" class="plain" onClick={() => setLimit(limit + SHOWN_AT_A_TIME)}>
          {text.showMore(Math.min(hidden, SHOWN_AT_A_TIME))}
        </button>
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

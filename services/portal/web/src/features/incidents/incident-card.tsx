// One incident, with its earlier revisions.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { incidents } from "../../api/client";
import { useQuery } from "../../api/use-query";
import { Loading } from "../../components/loading";
import { ProblemNote } from "../../components/problem-note";
import type { Incident, IncidentCategory } from "../../gen/proctorium/session/v1/incidents_pb";
import { messages } from "../../messages";
import { dateTime } from "../../messages/format";
import { useNames } from "../people/use-names";
import { authorName, IncidentFacts } from "./incident-facts";
import { categoryName } from "./incidents";
import type { Incidents } from "./use-incidents";
import { WriteIncident } from "./write-incident";

const text = messages.incidents;

interface IncidentCardProps {
  incident: Incident;
  categories: readonly IncidentCategory[];
  /** The name of the learner, or the words for the whole session. */
  subject: string;
  name: (personId: string) => string;
  form: Pick<Incidents, "write" | "hasDraft">;
}

export function IncidentCard({ incident, categories, subject, name, form }: IncidentCardProps): JSX.Element {
  return (
    <li class="card">
      <h3 dir="auto">{subject}</h3>
      <IncidentFacts incident={incident} categories={categories} />
      <div class="row apart">
        <span class="quiet">{authorship(incident, name)}</span>
        <WriteIncident
          subject={{ participantId: incident.participantId, incident }}
          label={text.change}
          about={text.changeOf(
            categoryName(categories, incident.categoryId),
            subject,
            dateTime(incident.occurrenceTime),
          )}
          write={form.write}
          hasDraft={form.hasDraft}
        />
      </div>
      {incident.revision > 1 && <History incident={incident} categories={categories} />}
    </li>
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

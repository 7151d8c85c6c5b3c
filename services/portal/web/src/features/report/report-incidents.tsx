// The incidents of a session report.
import type { JSX } from "preact";
import { Table, type TableColumn } from "../../components/table";
import type { Incident, IncidentCategory } from "../../gen/proctorium/session/v1/incidents_pb";
import type { SessionReport } from "../../gen/proctorium/session/v1/reports_pb";
import { messages } from "../../messages";
import { timeWithSeconds } from "../../messages/format";
import { SeverityBadge } from "../incidents/incident-facts";
import { categoryName } from "../incidents/incidents";
import { learnerName } from "./report-texts";

const text = messages.report;

interface ReportIncidentsProps {
  report: SessionReport;
  categories: readonly IncidentCategory[];
}

export function ReportIncidents({ report, categories }: ReportIncidentsProps): JSX.Element | null {
  if (report.incidentCount === 0) return null;
  const title = text.incidents(report.incidentCount);
  const more = report.incidentCount - report.incidents.length;
  return (
    <section aria-label={title} class="stacking">
      <h2>{title}</h2>
      <Table
        caption={title}
        columns={columnsOf(report, categories)}
        rows={report.incidents}
        keyOf={({ incidentId }) => incidentId}
      />
      {more > 0 && <p>{text.moreIncidents(more)}</p>}
    </section>
  );
}

function columnsOf(report: SessionReport, categories: readonly IncidentCategory[]): TableColumn<Incident>[] {
  const { time, concerns, severity, category, note } = text.incidentColumns;
  return [
    { title: time, cell: ({ occurrenceTime }) => timeWithSeconds(occurrenceTime) },
    { title: concerns, cell: ({ participantId }) => <bdi>{nameIn(report, participantId)}</bdi> },
    { title: severity, cell: (incident) => <SeverityBadge severity={incident.severity} /> },
    { title: category, cell: ({ categoryId }) => <bdi>{categoryName(categories, categoryId)}</bdi> },
    {
      title: note,
      cell: (incident) => (
        <span class="text" dir="auto">
          {incident.note}
        </span>
      ),
    },
  ];
}

/** Return the name of the learner with this ID, or the words for the whole session if the ID is empty. */
function nameIn({ learners }: SessionReport, participantId: string): string {
  const learner = participantId && learners.find((one) => one.participantId === participantId);
  return learner ? learnerName(learner) : messages.incidents.wholeSession;
}

// The incidents of a session report.
import type { JSX } from "preact";
import type { Incident, IncidentCategory } from "../../gen/proctorium/session/v1/incidents_pb";
import type { SessionReport } from "../../gen/proctorium/session/v1/reports_pb";
import { messages } from "../../messages";
import { timeWithSeconds } from "../../messages/format";
import { SeverityBadge } from "../incidents/incident-facts";
import { categoryName } from "../incidents/incidents";
import { learnerName } from "./report-texts";

const text = messages.report;
const heads = text.incidentColumns;

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
      <table class="stacks" role="table">
        <caption class="visually-hidden">{title}</caption>
        <thead role="rowgroup">
          <tr role="row">
            {Object.values(heads).map((head) => (
              <th key={head} scope="col" role="columnheader">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {report.incidents.map((incident) => (
            <tr key={incident.incidentId} role="row">
              {cellsOf(report, categories, incident).map(([head, cell]) => (
                <td key={head} role="cell" data-label={head}>
                  {cell}
                </td>
              ))}
            </tr>
          ))}
        </tbody>
      </table>
      {more > 0 && <p>{text.moreIncidents(more)}</p>}
    </section>
  );
}

function cellsOf(
  report: SessionReport,
  categories: readonly IncidentCategory[],
  incident: Incident,
): [string, JSX.Element | string][] {
  const learner = report.learners.find(
    ({ participantId }) => participantId !== "" && participantId === incident.participantId,
  );
  return [
    [heads.time, timeWithSeconds(incident.occurrenceTime)],
    [heads.concerns, <bdi key="concerns">{learner ? learnerName(learner) : messages.incidents.wholeSession}</bdi>],
    [heads.severity, <SeverityBadge key="severity" severity={incident.severity} />],
    [heads.category, <bdi key="category">{categoryName(categories, incident.categoryId)}</bdi>],
    [
      heads.note,
      <span key="note" class="text" dir="auto">
        {incident.note}
      </span>,
    ],
  ];
}

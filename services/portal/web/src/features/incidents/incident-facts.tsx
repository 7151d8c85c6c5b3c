// The severity, category, time and note of an incident.
import type { JSX } from "preact";
import { Badge } from "../../components/badge";
import { type Incident, type IncidentCategory, IncidentSeverity } from "../../gen/proctorium/session/v1/incidents_pb";
import { messages } from "../../messages";
import { dateTime } from "../../messages/format";
import { hasRole, Role } from "../account/current-user";
import { categoryName } from "./incidents";

const text = messages.incidents;

interface IncidentFactsProps {
  incident: Incident;
  categories: readonly IncidentCategory[];
}

/** Show the severity, category, time and note of one revision. */
export function IncidentFacts({ incident, categories }: IncidentFactsProps): JSX.Element {
  return (
    <>
      <p class="row">
        <SeverityBadge severity={incident.severity} />
        <strong dir="auto">{categoryName(categories, incident.categoryId)}</strong>
        <span>{text.occurred(dateTime(incident.occurrenceTime))}</span>
      </p>
      <p class="text" dir="auto">
        {incident.note}
      </p>
    </>
  );
}

/**
 * Return the name of the author of a revision. Proctors cannot read the names of administrators who are not proctors of
 * the session.
 */
export function authorName(
  { writtenBy, actingRole }: Pick<Incident, "writtenBy" | "actingRole">,
  name: (personId: string) => string,
): string {
  if (actingRole !== Role.ADMINISTRATOR) return name(writtenBy);
  return hasRole(Role.ADMINISTRATOR) ? text.administrator(name(writtenBy)) : text.anAdministrator;
}

export function SeverityBadge({ severity }: { severity: IncidentSeverity }): JSX.Element {
  switch (severity) {
    case IncidentSeverity.SERIOUS:
      return <Badge tone="bad">{text.severity.serious}</Badge>;
    case IncidentSeverity.WARNING:
      return <Badge tone="wait">{text.severity.warning}</Badge>;
    default:
      return <Badge tone="plain">{text.severity.note}</Badge>;
  }
}

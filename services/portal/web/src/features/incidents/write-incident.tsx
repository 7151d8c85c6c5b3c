// The button that opens the form of an incident.
import type { JSX } from "preact";
import { messages } from "../../messages";
import type { Subject } from "./incidents";
import type { Incidents } from "./use-incidents";

const text = messages.incidents;

interface WriteIncidentProps extends Pick<Incidents, "write" | "hasDraft"> {
  subject: Subject;
  label: string;
  /** The subject of the incident, which only screen readers read. */
  about: string;
}

export function WriteIncident({ subject, label, about, write, hasDraft }: WriteIncidentProps): JSX.Element | null {
  if (write === undefined) return null;
  return (
    <button type="button" class="plain" onClick={() => write(subject)}>
      {hasDraft(subject) ? text.continueDraft : label} <span class="visually-hidden">{about}</span>
    </button>
  );
}

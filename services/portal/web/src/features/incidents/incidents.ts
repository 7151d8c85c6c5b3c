// The incidents of a session, and the drafts of incidents that are not saved yet.
import type { MessageInitShape } from "@bufbuild/protobuf";
import { type Timestamp, timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { incidents } from "../../api/client";
import { listAll } from "../../api/pagination";
import { type LocalTime, localTimeOf } from "../../components/local-time";
import {
  type Incident,
  type IncidentCategory,
  type IncidentSchema,
  IncidentSeverity,
} from "../../gen/proctorium/session/v1/incidents_pb";
import { type Session, SessionState } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";

const text = messages.incidents;

const PAGE_SIZE = 200;
/** The maximum number of characters of a note. */
export const MAX_NOTE_LENGTH = 2000;
const NEAR_LIMIT = 200;
const MINUTE_MS = 60_000;

/** Return all incidents of a session, sorted as by `newestFirst`. */
export async function listIncidents(sessionId: string): Promise<Incident[]> {
  const found = await listAll(
    (pageToken) => incidents.listIncidents({ sessionId, pageSize: PAGE_SIZE, pageToken }),
    (page) => page.incidents,
  );
  return newestFirst(found);
}

/** Sort incidents by occurrence time, newest first, and at the same time by the time of the report, newest first. */
export function newestFirst(found: readonly Incident[]): Incident[] {
  const happened = ({ occurrenceTime }: Incident): number => (occurrenceTime ? timestampMs(occurrenceTime) : 0);
  return [...found].sort(
    (one, other) => happened(other) - happened(one) || other.incidentId.localeCompare(one.incidentId),
  );
}

/** Return whether a session in this state can have incidents, so that its page shows them. */
export function hasIncidents({ state }: Pick<Session, "state">): boolean {
  return state !== SessionState.SCHEDULED;
}

/** Return whether an incident can be reported in a session in this state. */
export function acceptsIncidents(session: Pick<Session, "state">): boolean {
  return hasIncidents(session) && session.state !== SessionState.CANCELLED;
}

/** Return the titles of a category and its group, or the ID if this page does not know the category. */
export function categoryName(categories: readonly IncidentCategory[], categoryId: string): string {
  for (const group of categories)
    for (const category of group.subcategories)
      if (category.categoryId === categoryId) return text.category(group.title, category.title);
  return categoryId;
}

/** Return the number of characters that a note has left; undefined while the note is far from its limit. */
export function charactersLeft(length: number): number | undefined {
  const left = MAX_NOTE_LENGTH - length;
  return left <= NEAR_LIMIT ? left : undefined;
}

type Pressed = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey">;

/** Return whether a pressed key opens the form. `i` does, unless the focus is in a field or in a dialog. */
export function opensReport({ key, ctrlKey, metaKey, altKey }: Pressed, focused: Pick<Element, "closest">): boolean {
  if (key.toLowerCase() !== "i" || ctrlKey || metaKey || altKey) return false;
  return focused.closest("input, select, textarea, dialog") === null;
}

/** The participant of an incident (empty ID: the whole session), and the incident if it is to be changed. */
export interface Subject {
  participantId: string;
  incident?: Incident;
}

/** The values of the form. */
export interface Entries {
  categoryId: string;
  severity: string;
  note: string;
  time: LocalTime;
}

/** An incident that is not saved yet. */
export interface Draft extends Subject {
  /**
   * The time in milliseconds at which the form was first opened. It is the default occurrence time of a new incident.
   */
  openedAt: number;
  entries: Entries;
  /** The revision that another person saved after this draft was started. */
  theirs?: Incident;
}

/** Return the draft for a form that is opened at `now`, in milliseconds. */
export function newDraft(subject: Subject, now: number): Draft {
  return { ...subject, openedAt: now, entries: unchangedEntries({ ...subject, openedAt: now }) };
}

/** Return whether the person has entered anything. */
export function isChanged(draft: Draft): boolean {
  return JSON.stringify(draft.entries) !== JSON.stringify(unchangedEntries(draft));
}

function unchangedEntries({ incident, openedAt }: Pick<Draft, "incident" | "openedAt">): Entries {
  return {
    categoryId: incident?.categoryId ?? "",
    severity: String(incident?.severity ?? IncidentSeverity.NOTE),
    note: incident?.note ?? "",
    time: localTimeOf(initialTime({ incident, openedAt })),
  };
}

function initialTime({ incident, openedAt }: Pick<Draft, "incident" | "openedAt">): number {
  return incident?.occurrenceTime ? timestampMs(incident.occurrenceTime) : openedAt;
}

/**
 * Return the occurrence time to save. The fields have no seconds, so the exact initial time is returned if the minute
 * was not changed.
 */
export function occurrenceTime(draft: Draft, entered: Timestamp): Timestamp {
  const initial = initialTime(draft);
  const isUnchanged = timestampMs(entered) === Math.floor(initial / MINUTE_MS) * MINUTE_MS;
  return isUnchanged ? timestampFromMs(initial) : entered;
}

/** Return the update of an incident with only the changed fields. */
export function updateOf(
  draft: Draft & { incident: Incident },
  time: Timestamp,
): { incident: MessageInitShape<typeof IncidentSchema>; updateMask: { paths: string[] } } {
  const { incident, entries } = draft;
  const before = unchangedEntries(draft);
  const paths = [
    entries.categoryId !== before.categoryId && "category_id",
    entries.severity !== before.severity && "severity",
    entries.note !== before.note && "note",
    timestampMs(time) !== initialTime(draft) && "occurrence_time",
  ].filter((path) => path !== false);
  const { incidentId, etag } = incident;
  const { categoryId, note } = entries;
  return {
    incident: { incidentId, etag, categoryId, note, severity: Number(entries.severity), occurrenceTime: time },
    updateMask: { paths },
  };
}

/**
 * Return the draft based on a newer revision. Changed fields keep their entered values, and the other fields have the
 * newer values.
 */
export function rebase(draft: Draft, current: Incident): Draft {
  const before = unchangedEntries(draft);
  const theirs = unchangedEntries({ ...draft, incident: current });
  const { entries } = draft;
  const isTimeUnchanged = JSON.stringify(entries.time) === JSON.stringify(before.time);
  return {
    ...draft,
    incident: current,
    theirs: current,
    entries: {
      categoryId: entries.categoryId === before.categoryId ? theirs.categoryId : entries.categoryId,
      severity: entries.severity === before.severity ? theirs.severity : entries.severity,
      note: entries.note === before.note ? theirs.note : entries.note,
      time: isTimeUnchanged ? theirs.time : entries.time,
    },
  };
}

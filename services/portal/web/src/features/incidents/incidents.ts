// The incidents of a session, and what a person enters to report or change one.
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
/** How long a note may be. */
export const MAX_NOTE_LENGTH = 2000;
const NEAR_LIMIT = 200;
const MINUTE_MS = 60_000;

/** List all incidents of a session, those that happened last first. */
export async function listIncidents(sessionId: string): Promise<Incident[]> {
  const found = await listAll(
    (pageToken) => incidents.listIncidents({ sessionId, pageSize: PAGE_SIZE, pageToken }),
    (page) => page.incidents,
  );
  return newestFirst(found);
}

/** Sort incidents by when they happened, newest first; of two at the same time, the one that was reported last. */
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

/** Return the name of a category with the group to which it belongs; the ID of one that this page does not know. */
export function categoryName(categories: readonly IncidentCategory[], categoryId: string): string {
  for (const group of categories)
    for (const category of group.subcategories)
      if (category.categoryId === categoryId) return text.category(group.title, category.title);
  return categoryId;
}

/** Return how many characters a note has left, once it is near its limit. */
export function charactersLeft(length: number): number | undefined {
  const left = MAX_NOTE_LENGTH - length;
  return left <= NEAR_LIMIT ? left : undefined;
}

type Pressed = Pick<KeyboardEvent, "key" | "ctrlKey" | "metaKey" | "altKey">;

/** Return whether a key that was pressed in a row of the roster opens the form: `i`, except where the person types or in a dialog of the row. */
export function opensReport({ key, ctrlKey, metaKey, altKey }: Pressed, focused: Pick<Element, "closest">): boolean {
  if (key.toLowerCase() !== "i" || ctrlKey || metaKey || altKey) return false;
  return focused.closest("input, select, textarea, dialog") === null;
}

/** What an incident is about: a participant, or the whole session if the ID is empty; with the incident itself, to change it. */
export interface Subject {
  participantId: string;
  incident?: Incident;
}

/** What a person entered into the form of an incident. */
export interface Entries {
  categoryId: string;
  severity: string;
  note: string;
  time: LocalTime;
}

/** An incident that is not saved yet. */
export interface Draft extends Subject {
  /** When the form was opened first, in milliseconds: the time at which a new incident happened, unless another one is entered. */
  openedAt: number;
  entries: Entries;
  /** What somebody else wrote meanwhile. */
  theirs?: Incident;
}

/** Return the draft of a form that is opened now. */
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

/** Return when an incident happened. Fields have no seconds, so a time that was not changed is the exact one. */
export function occurrenceTime(draft: Draft, entered: Timestamp): Timestamp {
  const initial = initialTime(draft);
  const isUnchanged = timestampMs(entered) === Math.floor(initial / MINUTE_MS) * MINUTE_MS;
  return isUnchanged ? timestampFromMs(initial) : entered;
}

/** Return the update of an incident: only what the person changed. */
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

/** Return the draft of an incident that somebody else has changed meanwhile: what the person entered stays, the rest is as it is now. */
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

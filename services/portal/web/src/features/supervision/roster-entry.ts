// The rows of the roster: everybody who has joined or is invited.
import { useRef } from "preact/hooks";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import { compareTexts } from "../../messages/format";
import { byAttention, type Need, needsOf } from "./attention";

export interface RosterEntry {
  personId: string;
  /** The learner as a participant; undefined for an invited learner who has not joined. */
  participant: Participant | undefined;
  name: string;
  /** The note for proctors from the learner's accommodations; empty if there is none. */
  note: string;
  /** What the learner needs from a proctor now; the most important need comes first. */
  needs: readonly Need[];
  /** The number of incidents about the learner. */
  incidents: number;
}

export interface RosterSource {
  participants: readonly Participant[];
  /** The IDs of the invited learners. */
  invited: readonly string[];
  name: (personId: string) => string;
  note: (personId: string) => string;
  incidents: (participantId: string) => number;
  over: boolean;
}

/** Return the entries of a roster: participants by attention, then invited learners who have not joined, by name. */
export function entriesOf({ participants, invited, name, note, incidents, over }: RosterSource): RosterEntry[] {
  const joined = new Set(participants.map(({ personId }) => personId));
  const common = (personId: string): Pick<RosterEntry, "personId" | "name" | "note"> => ({
    personId,
    name: name(personId),
    note: note(personId),
  });
  const present = [...participants].sort(byAttention).map((participant) => ({
    ...common(participant.personId),
    participant,
    needs: over ? [] : needsOf(participant),
    incidents: incidents(participant.participantId),
  }));
  const absent = invited
    .filter((personId) => !joined.has(personId))
    .map((personId) => ({ ...common(personId), participant: undefined, needs: [], incidents: 0 }))
    .sort((one, other) => compareTexts(one.name, other.name));
  return [...present, ...absent];
}

/** Return the entries of a roster. An entry that has not changed is the same object as before. */
export function useRosterEntries(source: RosterSource): readonly RosterEntry[] {
  const before = useRef(new Map<string, RosterEntry>());
  const entries = entriesOf(source).map((entry) => {
    const earlier = before.current.get(entry.personId);
    return earlier && isSame(earlier, entry) ? earlier : entry;
  });
  before.current = new Map(entries.map((entry) => [entry.personId, entry]));
  return entries;
}

/**
 * Return whether two entries show the same. Comparing the number of needs is enough, because the needs depend only on
 * the participant and on whether the session is over.
 */
function isSame(one: RosterEntry, other: RosterEntry): boolean {
  return (
    one.participant === other.participant &&
    one.name === other.name &&
    one.note === other.note &&
    one.incidents === other.incidents &&
    one.needs.length === other.needs.length
  );
}

/** The part of the roster that is shown: everybody, learners with any need, or learners with one need. */
export type Queue = "all" | "attention" | Need;

/** Return whether the roster shows an entry when a queue is chosen and a search is entered. */
export function isShown({ name, needs }: RosterEntry, queue: Queue, search: string): boolean {
  const inQueue = queue === "all" || (queue === "attention" ? needs.length > 0 : needs.includes(queue));
  return inQueue && matches(name, search);
}

/** Return whether a name contains each word of a search. Case and accents are ignored. */
export function matches(name: string, search: string): boolean {
  const plain = withoutAccents(name);
  return withoutAccents(search)
    .split(/\s+/)
    .every((word) => plain.includes(word));
}

function withoutAccents(text: string): string {
  return text.normalize("NFD").replace(/\p{M}/gu, "").toLowerCase();
}

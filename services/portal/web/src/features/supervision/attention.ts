// Determines which participants of a session need a proctor, for which reason, and who comes first.
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { IdentityState, type Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import { awaitsApproval, byArrival, canBeAuthorised, isFinished, isPresent } from "./participants";

export type Need = "hand" | "lateEntry" | "disconnected" | "message" | "identity" | "authorisation";

interface Rule {
  need: Need;
  /** Whether the page plays a sound when a participant begins to have this need. */
  urgent: boolean;
  /** Whether a participant who has submitted everything can have this need. */
  afterSubmission: boolean;
  applies: (participant: Participant) => boolean;
  /** The time in milliseconds since which the participant waits, if it is known. */
  since?: (participant: Participant) => number | undefined;
}

/** The needs of participants who are present or wait for approval. The most important need comes first. The roster has the same order. */
export const RULES: readonly Rule[] = [
  {
    need: "hand",
    urgent: true,
    afterSubmission: true,
    applies: ({ hand }) => hand !== undefined,
    since: ({ hand }) => hand?.raiseTime && timestampMs(hand.raiseTime),
  },
  {
    need: "lateEntry",
    urgent: true,
    afterSubmission: false,
    applies: awaitsApproval,
    since: ({ joinTime }) => joinTime && timestampMs(joinTime),
  },
  { need: "disconnected", urgent: true, afterSubmission: false, applies: ({ connected }) => !connected },
  {
    need: "message",
    urgent: true,
    afterSubmission: true,
    applies: ({ conversation }) => Boolean(conversation?.proctorsUnreadCount),
  },
  {
    need: "identity",
    urgent: false,
    afterSubmission: false,
    applies: ({ identity }) => identity === IdentityState.SUBMITTED,
  },
  {
    need: "authorisation",
    urgent: false,
    afterSubmission: false,
    applies: (participant) => participant.assessments.some((assessment) => canBeAuthorised(participant, assessment)),
  },
];

/** Return what a participant needs from the proctor now; the most important need comes first. */
export function needsOf(participant: Participant): Need[] {
  if (!isPresent(participant) && !awaitsApproval(participant)) return [];
  const finished = isFinished(participant);
  return RULES.filter((rule) => (rule.afterSubmission || !finished) && rule.applies(participant)).map(
    ({ need }) => need,
  );
}

/** Return whether the page plays a sound when a participant begins to have this need. */
export function isUrgent(need: Need): boolean {
  return RULES.some((rule) => rule.need === need && rule.urgent);
}

/** Return the number of participants with each need. */
export function countNeeds(participants: readonly Participant[]): ReadonlyMap<Need, number> {
  const counts = new Map<Need, number>(RULES.map(({ need }) => [need, 0]));
  for (const need of participants.flatMap(needsOf)) counts.set(need, (counts.get(need) ?? 0) + 1);
  return counts;
}

/**
 * Sort participants by their most important need. Among participants with the same need, those who have waited longest
 * come first. Participants without needs come after them in the order of arrival, and participants for whom the session
 * is over come last.
 */
export function byAttention(one: Participant, other: Participant): number {
  return rank(one) - rank(other) || waitingSince(one) - waitingSince(other) || byArrival(one, other);
}

function rank(participant: Participant): number {
  const [first] = needsOf(participant);
  if (first !== undefined) return RULES.findIndex(({ need }) => need === first);
  return isPresent(participant) ? RULES.length : RULES.length + 1;
}

function waitingSince(participant: Participant): number {
  const [first] = needsOf(participant);
  const rule = RULES.find(({ need }) => need === first);
  return rule?.since?.(participant) ?? 0;
}

// Determines which participants of a session need a proctor, why, and in which order they are shown.
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { IdentityState, type Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import { isOverrun, waitsForBreak } from "../breaks/breaks";
import { awaitsApproval, byArrival, canBeAuthorised, isFinished, isPresent, waitsSince } from "./participants";

export type Need =
  | "overrun"
  | "hand"
  | "break"
  | "lateEntry"
  | "disconnected"
  | "message"
  | "identity"
  | "authorisation";

interface Rule {
  need: Need;
  /** Whether the page plays a sound when a participant begins to have this need. */
  urgent: boolean;
  /** Whether a participant who has submitted everything can have this need. */
  afterSubmission: boolean;
  applies: (participant: Participant) => boolean;
  /** The time, in milliseconds, at which the participant began to wait, if it is known. */
  since?: (participant: Participant) => number | undefined;
}

/**
 * The needs of participants who are present or wait for approval. The most important need comes first. The roster has
 * the same order.
 */
export const RULES: readonly Rule[] = [
  {
    need: "overrun",
    urgent: true,
    afterSubmission: true,
    applies: isOverrun,
    since: ({ latestBreak }) => latestBreak?.overrunTime && timestampMs(latestBreak.overrunTime),
  },
  {
    need: "hand",
    urgent: true,
    afterSubmission: true,
    applies: ({ hand }) => hand !== undefined,
    since: ({ hand }) => hand?.raiseTime && timestampMs(hand.raiseTime),
  },
  {
    need: "break",
    urgent: true,
    afterSubmission: true,
    applies: waitsForBreak,
    since: ({ latestBreak }) => latestBreak?.requestTime && timestampMs(latestBreak.requestTime),
  },
  {
    need: "lateEntry",
    urgent: true,
    afterSubmission: false,
    applies: awaitsApproval,
    since: waitsSince,
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

/** What determines the place of a participant in the roster. */
interface Attention {
  needs: Need[];
  /** The index of the rule of the most important need; larger for participants without needs. */
  rank: number;
  /** The time, in milliseconds, at which the participant's most important need began; 0 if it is not known. */
  since: number;
}

/**
 * The computed attention of each participant object. It is computed only once, because a participant object never
 * changes and the roster is sorted at every change.
 */
const known = new WeakMap<Participant, Attention>();

function attentionOf(participant: Participant): Attention {
  const found = known.get(participant) ?? computeAttention(participant);
  known.set(participant, found);
  return found;
}

function computeAttention(participant: Participant): Attention {
  if (!isPresent(participant) && !awaitsApproval(participant)) return { needs: [], rank: RULES.length + 1, since: 0 };
  const finished = isFinished(participant);
  const rules = RULES.filter((rule) => (rule.afterSubmission || !finished) && rule.applies(participant));
  const [first] = rules;
  return {
    needs: rules.map(({ need }) => need),
    rank: first ? RULES.indexOf(first) : RULES.length,
    since: first?.since?.(participant) ?? 0,
  };
}

/** Return what a participant needs from the proctor now; the most important need comes first. */
export function needsOf(participant: Participant): readonly Need[] {
  return attentionOf(participant).needs;
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
 * come first. Participants without needs come after them in the order of arrival. Participants who are neither present
 * nor waiting for approval come last.
 */
export function byAttention(one: Participant, other: Participant): number {
  const [first, second] = [attentionOf(one), attentionOf(other)];
  return first.rank - second.rank || first.since - second.since || byArrival(one, other);
}

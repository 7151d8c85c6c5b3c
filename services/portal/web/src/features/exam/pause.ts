// Pauses of an attempt. The stream of the session reports a pause first, with the reason. The stream of the attempt
// reports the pause later, when the service that computes the clock has received the event.
import { create } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type Attempt, ClockState } from "../../gen/proctorium/assessment/v1/attempts_pb";
import { ItemSchema } from "../../gen/proctorium/assessment/v1/items_pb";
import { type Participant, ParticipantState, type ReturnRequest } from "../../gen/proctorium/session/v1/lobby_pb";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";

export interface AttemptPause {
  /** The reasons of the open pauses: of the whole session, and of the learner. */
  reasons: readonly string[];
  /** The server's time in milliseconds at which the first open pause started; undefined if the session reports none. */
  since: number | undefined;
  /** Whether the session has reported the end of the pause, but the attempt has not reported it yet. */
  isOver: boolean;
  /** Whether the clock is stopped because the learner was removed. Another note shows the reason. */
  isRemoved: boolean;
  /** Whether the questions stay visible during the pause. They cannot be answered in the meantime. */
  showsQuestions: boolean;
  /** The request of a learner who returned from an outage; undefined if no proctor has to let the learner back in. */
  returnRequest: ReturnRequest | undefined;
}

/**
 * Return the pause of a learner; undefined if neither the session nor the attempt reports one. A removal counts as a
 * pause.
 */
export function pauseOf(
  session: Session | undefined,
  participant: Participant | undefined,
  attempt?: Attempt,
): AttemptPause | undefined {
  const isShown = participant?.state === ParticipantState.PAUSED;
  const isRemoved = participant?.state === ParticipantState.REMOVED;
  if (!isShown && !isRemoved && attempt?.clockState !== ClockState.PAUSED) return undefined;
  const pauses = isShown ? [session?.pause, participant.pause].filter((pause) => pause !== undefined) : [];
  const returnRequest = isShown ? participant.returnRequest : undefined;
  const times = [...pauses.map(({ pauseTime }) => pauseTime), returnRequest?.requestTime];
  const starts = times.flatMap((time) => (time ? [timestampMs(time)] : []));
  return {
    reasons: pauses.map(({ pauseReason }) => pauseReason),
    since: starts.length > 0 ? Math.min(...starts) : undefined,
    // The session is unknown until its stream has connected, and a removed learner is not resumed.
    isOver: participant?.state === ParticipantState.IN_SESSION,
    isRemoved,
    showsQuestions: !isRemoved && returnRequest === undefined && showsQuestions(session, attempt),
    returnRequest,
  };
}

/** Return what the attempt reports; if it has not reported the pause yet, return the setting of the plan. */
function showsQuestions(session: Session | undefined, attempt: Attempt | undefined): boolean {
  if (attempt?.clockState === ClockState.PAUSED) return !attempt.questionsHidden;
  return session?.plan?.questionsShownWhilePaused ?? false;
}

/** Return a copy of the attempt that has the IDs of the questions, but not the questions. */
export function withoutQuestions(attempt: Attempt): Attempt {
  return {
    ...attempt,
    clockState: ClockState.PAUSED,
    items: attempt.items.map(({ itemId }) => create(ItemSchema, { itemId })),
  };
}

/** Return whether an attempt that was loaded has its questions. */
export function hasQuestions({ items }: Attempt): boolean {
  return items.some(({ kind }) => kind.case !== undefined);
}

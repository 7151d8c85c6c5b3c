// The break of a learner, and the breaks that need a proctor.
import { durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { type Attempt, ClockState } from "../../gen/proctorium/assessment/v1/attempts_pb";
import { type Break, BreakState } from "../../gen/proctorium/session/v1/breaks_pb";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";

const OPEN = [BreakState.REQUESTED, BreakState.GRANTED, BreakState.STARTED];

export interface AttemptBreak {
  /**
   * The server's time in milliseconds at which the clock stopped; undefined if the clock runs or the attempt reports
   * the break.
   */
  stoppedAt: number | undefined;
  /** Whether the learner has returned, but the attempt has not reported it yet. */
  isOver: boolean;
}

/** Return whether the clocks are stopped during breaks of a session. */
export function clockStops(session: Session | undefined): boolean {
  return session?.plan?.breakPolicy?.clockStops ?? false;
}

/** Return the break that a participant has started and not ended. */
export function startedBreak(participant: Participant | undefined): Break | undefined {
  const latest = participant?.latestBreak;
  return latest?.state === BreakState.STARTED ? latest : undefined;
}

/**
 * Return the break during which the questions are hidden; undefined if there is none. The stream of the session reports
 * a break first. The stream of the attempt reports it later, when the service that computes the clock has received it.
 */
export function breakOf(
  session: Session | undefined,
  participant: Participant | undefined,
  attempt: Attempt,
): AttemptBreak | undefined {
  const started = startedBreak(participant);
  const isHidden = attempt.questionsHidden && attempt.clockState !== ClockState.PAUSED;
  if (started === undefined && !isHidden) return undefined;
  const isUnreported = started !== undefined && attempt.clockState === ClockState.RUNNING && !attempt.questionsHidden;
  return {
    stoppedAt: isUnreported && clockStops(session) && started.startTime ? timestampMs(started.startTime) : undefined,
    isOver: started === undefined && participant !== undefined,
  };
}

/** Return the whole seconds until the granted length of a started break ends. They are negative after the end. */
export function secondsOfBreak({ startTime, length }: Break, now: number): number {
  if (startTime === undefined || length === undefined) return 0;
  return Math.ceil((timestampMs(startTime) + durationMs(length) - now) / 1000);
}

/** Return a duration in seconds. */
export function secondsOf(length: Break["length"]): number {
  return length === undefined ? 0 : Math.floor(durationMs(length) / 1000);
}

/** A participant with an open break. */
export interface OpenBreak {
  participant: Participant;
  taken: Break;
}

/** Return the participants with open breaks: overruns first, then requests, then the others, each by request time. */
export function queueOf(participants: readonly Participant[]): OpenBreak[] {
  return participants
    .flatMap((participant) => {
      const taken = participant.latestBreak;
      return taken && OPEN.includes(taken.state) ? [{ participant, taken }] : [];
    })
    .sort(
      (one, other) => urgency(one.taken) - urgency(other.taken) || requestedAt(one.taken) - requestedAt(other.taken),
    );
}

function urgency({ state, overrunTime }: Break): number {
  if (overrunTime !== undefined) return 0;
  return state === BreakState.REQUESTED ? 1 : 2;
}

/** Return the time at which a break was requested, in milliseconds. */
export function requestedAt({ requestTime }: Break): number {
  return requestTime ? timestampMs(requestTime) : 0;
}

/** Return whether a participant waits for the decision about a break. */
export function waitsForBreak({ latestBreak }: Participant): boolean {
  return latestBreak?.state === BreakState.REQUESTED;
}

/** Return whether a participant has not returned from a break in time. */
export function isOverrun(participant: Participant): boolean {
  return startedBreak(participant)?.overrunTime !== undefined;
}

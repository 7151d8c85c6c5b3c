// The attempts in progress, which the page lists before a proctor ends the session.
import { durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import {
  type AssessmentProgress,
  AssessmentProgressState,
  type Participant,
} from "../../gen/proctorium/session/v1/lobby_pb";
import { isInSession } from "../supervision/participants";

/** An attempt in progress. */
export interface OpenAttempt {
  personId: string;
  /** The remaining time in seconds; undefined if the attempt has no time limit. */
  secondsLeft: number | undefined;
  isStopped: boolean;
}

/** Return the attempts in progress of the learners in the session; the most remaining time at `now` comes first. */
export function openAttempts(participants: readonly Participant[], now: number): OpenAttempt[] {
  return participants
    .filter(isInSession)
    .flatMap(({ personId, assessments }) =>
      assessments
        .filter(({ state }) => state === AssessmentProgressState.IN_PROGRESS)
        .map((assessment) => ({
          personId,
          secondsLeft: secondsLeft(assessment, now),
          isStopped: assessment.stoppedRemaining !== undefined,
        })),
    )
    .sort((one, other) => rank(other) - rank(one));
}

/** Return the remaining time of an attempt in seconds; undefined if the attempt has no time limit. */
export function secondsLeft({ deadlineTime, stoppedRemaining }: AssessmentProgress, now: number): number | undefined {
  if (stoppedRemaining) return Math.round(durationMs(stoppedRemaining) / 1000);
  if (deadlineTime) return Math.max(0, Math.round((timestampMs(deadlineTime) - now) / 1000));
  return undefined;
}

/** Attempts without a time limit come before all others. */
function rank({ secondsLeft }: OpenAttempt): number {
  return secondsLeft ?? Number.MAX_SAFE_INTEGER;
}

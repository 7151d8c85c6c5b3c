// The outcomes of requests for several participants.
import { ProblemError } from "../../api/errors";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import type { ParticipantError, ParticipantOutcome } from "../../gen/proctorium/session/v1/supervision_pb";

/** Return the participants that a request concerned, as they are after it. */
export function changedParticipants(outcomes: readonly ParticipantOutcome[]): Participant[] {
  return outcomes.flatMap(({ outcome }) => (outcome.case === "participant" ? [outcome.value] : []));
}

/** Return why a request changed nothing for some participants. */
export function refusals(outcomes: readonly ParticipantOutcome[]): ParticipantError[] {
  return outcomes.flatMap(({ outcome }) => (outcome.case === "error" ? [outcome.value] : []));
}

/** Throw the first refusal, for a request that names one participant. */
export function throwRefusal(outcomes: readonly ParticipantOutcome[]): void {
  const [refusal] = refusals(outcomes);
  if (refusal !== undefined) throw new ProblemError(refusal.reason, refusal.message);
}

// The outcomes of requests for several participants.
import { ProblemError, SERVICES_LANGUAGE } from "../../api/errors";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import type { ParticipantError, ParticipantOutcome } from "../../gen/proctorium/session/v1/supervision_pb";

/** Return the participants whom a request changed, as they are after the change. */
export function changedParticipants(outcomes: readonly ParticipantOutcome[]): Participant[] {
  return outcomes.flatMap(({ outcome }) => (outcome.case === "participant" ? [outcome.value] : []));
}

/** Return the errors of the participants whom a request did not change. */
export function refusals(outcomes: readonly ParticipantOutcome[]): ParticipantError[] {
  return outcomes.flatMap(({ outcome }) => (outcome.case === "error" ? [outcome.value] : []));
}

/** Throw the error, if any, of a request for a single participant. */
export function throwRefusal(outcomes: readonly ParticipantOutcome[]): void {
  const [refusal] = refusals(outcomes);
  if (refusal !== undefined) throw new ProblemError(refusal.reason, refusal.message, SERVICES_LANGUAGE);
}

// Determines whether a removal or an end is final for a learner.
import { type Participant, ParticipantState } from "../../gen/proctorium/session/v1/lobby_pb";
import { type Session, SessionState } from "../../gen/proctorium/session/v1/sessions_pb";
import { isPresent } from "../supervision/participants";

/** Return whether a proctor can let the removed learner back in. */
export function canBeReadmitted({ state }: Session, participant: Participant): boolean {
  const isOpen = [SessionState.LOBBY_OPEN, SessionState.IN_PROGRESS, SessionState.CLOSING].includes(state);
  return isOpen && participant.state === ParticipantState.REMOVED && participant.endReason === "";
}

/** Return whether the learner can no longer work in the session, not even after a readmission. */
export function isOverFor(session: Session, participant: Participant): boolean {
  return !isPresent(participant) && !canBeReadmitted(session, participant);
}

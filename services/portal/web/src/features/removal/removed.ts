// Determines whether a removal or an end is final for a learner.
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type Participant, ParticipantState } from "../../gen/proctorium/session/v1/lobby_pb";
import { type Session, SessionState } from "../../gen/proctorium/session/v1/sessions_pb";
import { isPresent } from "../supervision/participants";

/** Return whether a proctor can let the removed learner back in. */
export function canBeReadmitted({ state }: Session, participant: Participant): boolean {
  const isOpen = [SessionState.LOBBY_OPEN, SessionState.IN_PROGRESS, SessionState.CLOSING].includes(state);
  return isOpen && participant.state === ParticipantState.REMOVED && participant.endReason === "";
}

/** Return the time, in milliseconds, until which proctors can undo the end for the learner, if there is such an end. */
export function undoEnd({ plan }: Session, { endTime }: Participant): number | undefined {
  if (endTime === undefined) return undefined;
  return timestampMs(endTime) + 1000 * Number(plan?.reopenWindow?.seconds ?? 0);
}

/** Return whether the end for the learner can be undone at the time `now`. Administrators can undo it for longer. */
export function canUndoEnd(session: Session, participant: Participant, now: number, asAdministrator: boolean): boolean {
  const isRunning = [SessionState.IN_PROGRESS, SessionState.CLOSING].includes(session.state);
  const until = undoEnd(session, participant);
  return isRunning && until !== undefined && (asAdministrator || now < until);
}

/** Return whether the learner can no longer work in the session, not even after a readmission. */
export function isOverFor(session: Session, participant: Participant): boolean {
  return !isPresent(participant) && !canBeReadmitted(session, participant);
}

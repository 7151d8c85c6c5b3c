// Decides whether the authorisation of a participant can be withdrawn.
import {
  type AssessmentProgress,
  AssessmentProgressState,
  type Participant,
  WithdrawalState,
} from "../../gen/proctorium/session/v1/lobby_pb";
import { isInSession } from "../supervision/participants";

/** Return whether a proctor can withdraw the authorisation now. */
export function canBeWithdrawn(participant: Participant, { state, withdrawal }: AssessmentProgress): boolean {
  return (
    isInSession(participant) && state === AssessmentProgressState.AUTHORIZED && withdrawal !== WithdrawalState.PENDING
  );
}

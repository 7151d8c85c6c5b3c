// The next step of a learner before the assessment is authorised.
import { IdentityState } from "../../gen/proctorium/session/v1/lobby_pb";
import { messages } from "../../messages";

const text = messages.exam;

/** Return whether the learner has to send images for the identity check before anything else can happen. */
export function mustSendImages(identity: IdentityState): boolean {
  return identity === IdentityState.REQUESTED || identity === IdentityState.RESUBMISSION_REQUESTED;
}

/** Return the learner's next step, as a sentence. */
export function nextStep(identity: IdentityState): string {
  switch (identity) {
    case IdentityState.REQUESTED:
      return text.nextStep.sendPhotos;
    case IdentityState.RESUBMISSION_REQUESTED:
      return text.nextStep.sendNewPhotos;
    case IdentityState.SUBMITTED:
      return text.nextStep.waitForDecision;
    case IdentityState.REJECTED:
      return text.nextStep.rejected;
    default:
      return text.nextStep.wait;
  }
}

// What a learner waits for before an assessment that has not been authorised.
import { IdentityState } from "../../gen/proctorium/session/v1/lobby_pb";

/** Whether the learner has to send images for the identity check before anything else happens. */
export function mustSendImages(identity: IdentityState): boolean {
  return identity === IdentityState.REQUESTED || identity === IdentityState.RESUBMISSION_REQUESTED;
}

/** Return the learner's next step, as a sentence. */
export function nextStep(identity: IdentityState): string {
  switch (identity) {
    case IdentityState.REQUESTED:
      return "The next step is yours: send the two pictures of the identity check. Once your identity is verified, the assessment can be authorised for you.";
    case IdentityState.RESUBMISSION_REQUESTED:
      return "The next step is yours: send new pictures for the identity check. Once your identity is verified, the assessment can be authorised for you.";
    case IdentityState.SUBMITTED:
      return "Please wait while your pictures are checked. Once your identity is verified, the assessment can be authorised for you.";
    case IdentityState.REJECTED:
      return "The assessment stays closed, as your identity could not be verified. What you can do now stands under “Identity check”.";
    default:
      return "Please wait. When the assessment is authorised for you, you can start it here.";
  }
}

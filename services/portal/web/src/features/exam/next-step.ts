// What a learner waits for before an assessment that the proctor has not authorised.
import { IdentityState } from "../../gen/proctorium/session/v1/lobby_pb";

/** Whether the learner has to send images for the identity check before anything else happens. */
export function mustSendImages(identity: IdentityState): boolean {
  return identity === IdentityState.REQUESTED || identity === IdentityState.RESUBMISSION_ASKED;
}

/** Return the learner's next step, as a sentence. */
export function nextStep(identity: IdentityState): string {
  switch (identity) {
    case IdentityState.REQUESTED:
      return "The next step is yours: send the two pictures of the identity check. Your proctor looks at them and can then authorise the assessment.";
    case IdentityState.RESUBMISSION_ASKED:
      return "The next step is yours: your proctor asks for new pictures for the identity check, and can authorise the assessment after that.";
    case IdentityState.SUBMITTED:
      return "Please wait. Your proctor looks at your pictures first, and can then authorise the assessment.";
    case IdentityState.REJECTED:
      return "The assessment stays closed, as your identity could not be verified. What you can do now stands under “Identity check”.";
    default:
      return "Please wait. When your proctor authorises the assessment, you can start it here.";
  }
}

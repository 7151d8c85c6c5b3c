// Another identity check of a learner whose identity is verified: the proctor's request and the learner's notice.
import type { JSX } from "preact";
import { identity } from "../../api/client";
import { Link } from "../../components/link";
import { IdentityState, type Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import { messages } from "../../messages";
import { isInSession } from "../supervision/participants";
import { ReasonForm } from "../supervision/reason-form";

const text = messages.order;

/** The button with which a proctor requests new photos from a learner whose identity is verified. */
export function CheckIdentityAgain({ participant, name }: { participant: Participant; name: string }): JSX.Element {
  const { sessionId, personId } = participant;
  return (
    <ReasonForm
      label={text.checkAgain}
      subject={name}
      title={text.checkAgainForm(name)}
      field="resubmission_reason"
      reasonLabel={text.checkAgainReason}
      reasonHint={text.checkAgainReasonHint}
      consequence={text.checkAgainConsequence}
      confirmLabel={text.checkAgainConfirm}
      cancelLabel={text.checkAgainCancel}
      action={async (requestId, resubmissionReason) => {
        const found = await identity.getCase({ by: { case: "learner", value: { sessionId, personId } } });
        const caseId = found.case?.caseId ?? "";
        await identity.requestResubmission({ requestId, caseId, resubmissionReason });
      }}
    />
  );
}

/** Shows a learner in the exam room that new photos are needed. The attempt continues. */
export function IdentityNotice({ participant }: { participant: Participant | undefined }): JSX.Element | null {
  if (participant === undefined || !isInSession(participant)) return null;
  if (participant.identity !== IdentityState.RESUBMISSION_REQUESTED) return null;
  return (
    <p class="note" role="status">
      {text.identityNeeded} <Link to={`/sessions/${participant.sessionId}`}>{text.identityLink}</Link>
    </p>
  );
}

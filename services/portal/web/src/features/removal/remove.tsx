// The form that removes a learner from a session. The proctor enters a reason, which is shown to the learner.
import type { JSX } from "preact";
import { supervision } from "../../api/client";
import { messages } from "../../messages";
import { throwRefusal } from "../supervision/outcomes";
import { ReasonForm } from "../supervision/reason-form";

const text = messages.removal;

/** A learner on the page of a proctor. */
export interface Learner {
  sessionId: string;
  participantId: string;
  name: string;
}

/** A button that opens the form in a dialog. */
export function Remove({ sessionId, participantId, name }: Learner): JSX.Element {
  return (
    <ReasonForm
      label={text.remove}
      subject={name}
      title={text.removeForm(name)}
      field="removal_reason"
      reasonLabel={text.removalReason(name)}
      reasonHint={text.reasonHint}
      consequence={text.removalConsequence}
      confirmLabel={text.removeConfirm}
      cancelLabel={text.removeCancel}
      isDanger
      action={async (requestId, removalReason) => {
        const participantIds = [participantId];
        throwRefusal(
          (await supervision.removeParticipants({ requestId, sessionId, participantIds, removalReason })).outcomes,
        );
      }}
    />
  );
}

// The form that ends the session for one learner. The proctor enters a reason, which is shown to the learner.
import type { JSX } from "preact";
import { supervision } from "../../api/client";
import { messages } from "../../messages";
import { throwRefusal } from "../supervision/outcomes";
import { ReasonForm } from "../supervision/reason-form";
import type { Learner } from "./remove";

const text = messages.removal;

/** A button that opens the form in a dialog. */
export function EndForLearner({ sessionId, participantId, name }: Learner): JSX.Element {
  return (
    <ReasonForm
      label={text.end}
      subject={name}
      title={text.endForm(name)}
      field="end_reason"
      reasonLabel={text.endReason(name)}
      reasonHint={text.reasonHint}
      consequence={text.endConsequence}
      confirmLabel={text.endConfirm}
      cancelLabel={text.endCancel}
      isDanger
      action={async (requestId, endReason) => {
        const participantIds = [participantId];
        throwRefusal(
          (await supervision.endForParticipants({ requestId, sessionId, participantIds, endReason })).outcomes,
        );
      }}
    />
  );
}

// The form that ends the session for one learner. The proctor enters a reason, which is shown to the learner.
import type { JSX } from "preact";
import { supervision } from "../../api/client";
import { messages } from "../../messages";
import { throwRefusal } from "../supervision/outcomes";
import { ReasonForm } from "../supervision/reason-form";
import type { Learner } from "./remove";

const text = messages.removal;

interface EndForLearnerProps extends Learner {
  /** The time for which proctors can undo the end, in seconds. */
  undoSeconds: number;
}

/** A button that opens the form in a dialog. */
export function EndForLearner({ sessionId, participantId, name, undoSeconds }: EndForLearnerProps): JSX.Element {
  const undo = undoSeconds > 0 ? text.undoHint(undoSeconds) : text.noUndo;
  return (
    <ReasonForm
      label={text.end}
      subject={name}
      title={text.endForm(name)}
      field="end_reason"
      reasonLabel={text.endReason(name)}
      reasonHint={text.reasonHint}
      consequence={`${text.endConsequence} ${undo}`}
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

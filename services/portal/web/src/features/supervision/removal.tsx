// The form that removes a learner from a session. The proctor enters a reason, which is shown to the learner.
import type { JSX } from "preact";
import { supervision } from "../../api/client";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import { messages } from "../../messages";
import { ReasonForm } from "./reason-form";

const text = messages.supervision;

interface RemovalProps {
  participant: Participant;
  sessionId: string;
  name: string;
}

/** A button that opens a form for the reason in its place. */
export function Removal({ participant: { participantId }, sessionId, name }: RemovalProps): JSX.Element {
  return (
    <ReasonForm
      label={text.remove}
      subject={name}
      title={text.removeForm(name)}
      field="removal_reason"
      reasonLabel={text.removalReason(name)}
      reasonHint={text.removalReasonHint}
      consequence={text.removalConsequence}
      confirmLabel={text.removeConfirm}
      cancelLabel={text.removeCancel}
      isDanger
      action={async (requestId, removalReason) => {
        await supervision.removeParticipant({ requestId, sessionId, participantId, removalReason });
      }}
    />
  );
}

// The form that removes a learner from a session. The proctor enters a reason, which is shown to the learner.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { supervision } from "../../api/client";
import { useAction } from "../../api/use-action";
import { TextArea } from "../../components/fields";
import { Form, FormProblem } from "../../components/form";
import { readForm } from "../../components/form-values";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import { messages } from "../../messages";

const text = messages.supervision;

interface RemovalProps {
  participant: Participant;
  sessionId: string;
  name: string;
}

/** A button that is replaced by a form for the reason. */
export function Removal({ participant, sessionId, name }: RemovalProps): JSX.Element {
  const [open, setOpen] = useState(false);
  const { busy, problem, run } = useAction();
  const remove = (event: SubmitEvent): void => {
    const removalReason = readForm(event).value("removal_reason");
    void run(
      (requestId) =>
        supervision.removeParticipant({
          requestId,
          sessionId,
          participantId: participant.participantId,
          removalReason,
        }),
      removalReason,
    );
  };
  if (!open) {
    return (
      <button type="button" class="plain" onClick={() => setOpen(true)}>
        {text.remove} <bdi class="visually-hidden">{name}</bdi>
      </button>
    );
  }
  return (
    <Form problem={problem} onSubmit={remove} aria-label={text.removeForm(name)}>
      <TextArea
        label={text.removalReason(name)}
        hint={text.removalReasonHint}
        name="removal_reason"
        rows={2}
        required
        maxLength={1000}
        autoFocus
      />
      <p>{text.removalConsequence}</p>
      <FormProblem problem={problem} />
      <div class="row">
        <button type="submit" class="danger" disabled={busy}>
          {text.removeConfirm} <bdi class="visually-hidden">{name}</bdi>
        </button>
        <button type="button" class="plain" disabled={busy} onClick={() => setOpen(false)}>
          {text.removeCancel}
        </button>
      </div>
    </Form>
  );
}

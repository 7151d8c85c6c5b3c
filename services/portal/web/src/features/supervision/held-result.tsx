// The result of a removed learner, which is held until an administrator releases it.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { grading } from "../../api/client";
import { useAction } from "../../api/use-action";
import { useServerNow } from "../../api/use-server-now";
import { Badge } from "../../components/badge";
import { TextArea } from "../../components/fields";
import { Form, FormProblem } from "../../components/form";
import { readForm } from "../../components/form-values";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { hasRole, me, Role } from "../account/current-user";
import { isFinal } from "../closing/reopening";

const text = messages.supervision;

interface HeldResultProps {
  session: Session;
  attemptId: string;
  /** The ID of the learner. */
  personId: string;
  /** The names of the assessment and the learner, for screen readers. */
  of: string;
}

/**
 * Shows that the result is held. Once the session is final, administrators can release it with a reason, unless it is
 * their own result.
 */
export function HeldResult({ session, attemptId, personId, of }: HeldResultProps): JSX.Element {
  const [open, setOpen] = useState(false);
  const { busy, problem, done, run } = useAction();
  const now = useServerNow();
  // The result exists once the session is final.
  const mayRelease = isFinal(session, now) && hasRole(Role.ADMINISTRATOR) && personId !== me.value?.personId;
  const release = (event: SubmitEvent): void => {
    const releaseReason = readForm(event).value("release_reason");
    void run(async (requestId) => {
      await grading.releaseResults({ requestId, attemptIds: [attemptId], releaseReason });
      setOpen(false);
      return text.released;
    }, releaseReason);
  };
  return (
    <>
      {done === "" && <Badge tone="wait">{text.resultHeld}</Badge>}
      {mayRelease && !open && done === "" && (
        <button type="button" class="plain" onClick={() => setOpen(true)}>
          {text.release} <span class="visually-hidden">{of}</span>
        </button>
      )}
      {open && (
        <Form problem={problem} onSubmit={release} aria-label={text.releaseForm(of)}>
          <TextArea
            label={text.releaseReason}
            hint={text.releaseReasonHint}
            name="release_reason"
            rows={2}
            required
            maxLength={1000}
            autoFocus
          />
          <p>{text.releaseConsequence}</p>
          <FormProblem problem={problem} />
          <div class="row">
            <button type="submit" disabled={busy}>
              {text.releaseConfirm} <span class="visually-hidden">{of}</span>
            </button>
            <button type="button" class="plain" disabled={busy} onClick={() => setOpen(false)}>
              {text.releaseCancel}
            </button>
          </div>
        </Form>
      )}
      <span role="status">{done}</span>
    </>
  );
}

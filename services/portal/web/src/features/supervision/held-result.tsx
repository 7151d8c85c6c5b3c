// The result of a removed learner, which is held until an administrator releases it.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { grading } from "../../api/client";
import { useAction } from "../../api/use-action";
import { Badge } from "../../components/badge";
import { TextArea } from "../../components/fields";
import { Form, FormProblem } from "../../components/form";
import { readForm } from "../../components/form-values";
import { hasRole, me, Role } from "../account/current-user";

interface HeldResultProps {
  attemptId: string;
  /** Whose result it is. */
  personId: string;
  /** What it is: the assessment and the learner. */
  of: string;
}

/** Says that the result is held; administrators can release it, with a reason, except their own. */
export function HeldResult({ attemptId, personId, of }: HeldResultProps): JSX.Element {
  const [open, setOpen] = useState(false);
  const { busy, problem, done, run } = useAction();
  const release = (event: SubmitEvent): void => {
    const releaseReason = readForm(event).text("release_reason");
    void run(async (requestId) => {
      await grading.releaseResults({ requestId, attemptIds: [attemptId], releaseReason });
      setOpen(false);
      return "The result is released.";
    }, releaseReason);
  };
  return (
    <>
      {done === "" && <Badge tone="wait">Submitted, result held</Badge>}
      {hasRole(Role.ADMINISTRATOR) && personId !== me.value?.personId && !open && done === "" && (
        <button type="button" class="plain" onClick={() => setOpen(true)}>
          Release the result… <span class="visually-hidden">{of}</span>
        </button>
      )}
      {open && (
        <Form problem={problem} onSubmit={release} aria-label={`Release the result: ${of}`}>
          <TextArea
            label="Why the result is released"
            hint="Stored permanently with the decision."
            name="release_reason"
            rows={2}
            required
            maxLength={1000}
            autoFocus
          />
          <p>
            The learner sees the result and gets a mail, and a pass counts towards the course. It cannot be taken back.
          </p>
          <FormProblem problem={problem} />
          <div class="row">
            <button type="submit" disabled={busy}>
              Release now <span class="visually-hidden">{of}</span>
            </button>
            <button type="button" class="plain" disabled={busy} onClick={() => setOpen(false)}>
              Keep it held
            </button>
          </div>
        </Form>
      )}
      <span role="status">{done}</span>
    </>
  );
}

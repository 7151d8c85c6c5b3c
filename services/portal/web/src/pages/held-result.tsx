// The result of a removed learner, which is held until an administrator releases it.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { grading } from "../calls";
import { Form, FormProblem, TextArea, typed } from "../forms";
import { isA, me, Role } from "../me";
import { Badge, useAction } from "../parts";

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
    const releaseReason = typed(event).text("release_reason");
    void run(async (requestId) => {
      await grading.releaseResults({ requestId, attemptIds: [attemptId], releaseReason });
      setOpen(false);
      return "The result is released.";
    }, releaseReason);
  };
  return (
    <>
      {done === "" && <Badge tone="wait">Submitted, result held</Badge>}
      {isA(Role.ADMINISTRATOR) && personId !== me.value?.personId && !open && done === "" && (
        <button type="button" class="plain" onClick={() => setOpen(true)}>
          Release the result… <span class="visually-hidden">{of}</span>
        </button>
      )}
      {open && (
        <Form problem={problem} submit={release} aria-label={`Release the result: ${of}`}>
          <TextArea label="Why the result is released" hint="Stored permanently with the decision." name="release_reason" rows={2} required maxLength={1000} autoFocus />
          <p>The learner sees the result and gets a mail, and a pass counts towards the course. It cannot be taken back.</p>
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

// Submitting an attempt: it asks first, and says what is not answered.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { untilAnswered } from "../../again";
import { attempts } from "../../calls";
import type { Attempt } from "../../gen/proctorium/assessment/v1/attempts_pb";
import { ProblemNote, useAction } from "../../parts";
import { counted } from "../../words";
import type { Answers } from "./answers";

interface SubmitProps {
  attempt: Attempt;
  answers: Answers;
  /** How many questions have no answer. */
  open: number;
  /** The numbers of the questions where something stands that cannot be saved. */
  wrong: readonly number[];
}

export function Submit({ attempt, answers, open, wrong }: SubmitProps): JSX.Element {
  const { busy, problem, run } = useAction();
  const [asking, setAsking] = useState(false);
  const question = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (asking) question.current?.focus();
  }, [asking]);
  const submit = (): Promise<void> =>
    run(async (requestId) => {
      const request = { requestId, attemptId: attempt.attemptId };
      await answers.settled();
      await untilAnswered(() => attempts.submitAttempt(request));
    });
  if (!asking) {
    return (
      <button
        type="button"
        onClick={() => {
          void answers.lookElsewhere();
          setAsking(true);
        }}
      >
        Submit…
      </button>
    );
  }
  return (
    <div class="card" role="group" aria-label="Submit" tabIndex={-1} ref={question}>
      <p>
        {open > 0 && <strong>{counted(open, "question is", "questions are")} not answered. </strong>}
        {wrong.length > 0 && (
          <strong>
            What you typed at {wrong.length === 1 ? "question" : "questions"} {wrong.join(", ")} cannot be saved and will not be submitted.{" "}
          </strong>
        )}
        After submitting, nothing can be changed.
      </p>
      <ProblemNote problem={problem} />
      <p class="row">
        <button type="button" disabled={busy} onClick={() => void submit()}>
          {busy ? "Submitting…" : "Submit now"}
        </button>
        <button type="button" class="plain" disabled={busy} onClick={() => setAsking(false)}>
          Go on answering
        </button>
      </p>
      {busy && (
        <p class="quiet" role="status">
          Without a connection your answers are submitted by themselves as soon as it is back. Keep this page open.
        </p>
      )}
    </div>
  );
}

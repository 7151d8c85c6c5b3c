// Submitting an attempt, after a confirmation that says what is not answered.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { attempts } from "../../api/client";
import { retryWhileUnreachable } from "../../api/retry";
import { useAction } from "../../api/use-action";
import { ProblemNote } from "../../components/problem-note";
import type { Attempt } from "../../gen/proctorium/assessment/v1/attempts_pb";
import { counted } from "../../messages/format";
import type { AnswerSaver } from "./answer-saver";

interface SubmitFormProps {
  attempt: Attempt;
  saver: AnswerSaver;
  /** How many questions have no answer. */
  unanswered: number;
  /** The numbers of the questions whose content cannot be saved. */
  unsavable: readonly number[];
}

export function SubmitForm({ attempt, saver, unanswered, unsavable }: SubmitFormProps): JSX.Element {
  const { busy, problem, run } = useAction();
  const [asking, setAsking] = useState(false);
  const question = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (asking) question.current?.focus();
  }, [asking]);
  const submit = (): Promise<void> =>
    run(async (requestId) => {
      const request = { requestId, attemptId: attempt.attemptId };
      await saver.flush();
      await retryWhileUnreachable(() => attempts.submitAttempt(request));
    });
  if (!asking) {
    return (
      <button
        type="button"
        onClick={() => {
          void saver.loadNewerAnswers();
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
        {unanswered > 0 && <strong>{counted(unanswered, "question is", "questions are")} not answered. </strong>}
        {unsavable.length > 0 && (
          <strong>
            What you typed at {unsavable.length === 1 ? "question" : "questions"} {unsavable.join(", ")} cannot be saved
            and will not be submitted.{" "}
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

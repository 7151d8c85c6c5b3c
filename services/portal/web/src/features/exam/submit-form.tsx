// The form that submits an attempt. Before the submission, it shows the number of unanswered questions and asks for
// confirmation.
import type { JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { attempts } from "../../api/client";
import { retryWhileUnreachable } from "../../api/retry";
import { useAction } from "../../api/use-action";
import { ProblemNote } from "../../components/problem-note";
import type { Attempt } from "../../gen/proctorium/assessment/v1/attempts_pb";
import { messages } from "../../messages";
import type { AnswerSaver } from "./answer-saver";

const text = messages.exam;

interface SubmitFormProps {
  attempt: Attempt;
  saver: AnswerSaver;
  /** The number of questions without an answer. */
  unanswered: number;
  /** The numbers of the questions whose content cannot be saved. */
  unsavable: readonly number[];
}

export function SubmitForm({ attempt, saver, unanswered, unsavable }: SubmitFormProps): JSX.Element {
  const { busy, problem, run } = useAction();
  const [asking, setAsking] = useState(false);
  const question = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
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
        {text.submitLabel}
      </button>
    );
  }
  return (
    <div class="card" role="group" aria-label={text.submit} tabIndex={-1} ref={question}>
      <p>
        {unanswered > 0 && <strong>{text.notAnsweredCount(unanswered)} </strong>}
        {unsavable.length > 0 && <strong>{text.unsavable(unsavable)} </strong>}
        {text.submitConsequence}
      </p>
      <ProblemNote problem={problem} />
      <p class="row">
        <button type="button" disabled={busy} onClick={() => void submit()}>
          {busy ? text.submitting : text.submitNow}
        </button>
        <button type="button" class="plain" disabled={busy} onClick={() => setAsking(false)}>
          {text.keepAnswering}
        </button>
      </p>
      {busy && (
        <p class="quiet" role="status">
          {text.submitOffline}
        </p>
      )}
    </div>
  );
}

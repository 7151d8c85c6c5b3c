// What a learner reads after an attempt was submitted.
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { Link } from "../../components/link";
import { type Attempt, AttemptState, SubmitCause } from "../../gen/proctorium/assessment/v1/attempts_pb";
import { counted, dateTime } from "../../messages/format";
import { clearOffline } from "../../offline/attempt-cache";
import type { AnswerSaver } from "./answer-saver";
import { answerSaver } from "./answer-savers";
import { LateAnswers, useLateQuestions } from "./late-answers";

export function Submitted({ attempt }: { attempt: Attempt }): JSX.Element {
  useEffect(() => void clearOffline(), []);
  return (
    <div class="card">
      <p role="status">{reason(attempt)}</p>
      <p>
        <strong>Submitted on {dateTime(attempt.submitTime)}</strong>, with answers to {attempt.answeredCount} of{" "}
        {counted(attempt.itemCount, "question")}.
      </p>
      {attempt.sessionId && attempt.state !== AttemptState.RELEASED && (
        <p class="quiet">The questions are not shown any more while others in the session still work on them.</p>
      )}
      <Late attempt={attempt} saver={answerSaver(attempt.attemptId, 0n)} />
      {attempt.state === AttemptState.RELEASED && (
        <p>
          <Link to={`/results/${attempt.attemptId}`} class="button">
            See your result
          </Link>
        </p>
      )}
      {attempt.sessionId && (
        <p>
          <Link to={`/sessions/${attempt.sessionId}`}>Back to the session</Link>
        </p>
      )}
    </div>
  );
}

/** What was answered without a connection and arrived after the end (A6). */
function Late({ attempt, saver }: { attempt: Attempt; saver: AnswerSaver }): JSX.Element {
  const pending = saver.pendingItems.value.size;
  const numbers = useLateQuestions(attempt.attemptId, `${pending}/${saver.hasLateAnswers.value}`);
  return (
    <>
      {pending > 0 && (
        <p class="note" role="status">
          {counted(pending, "answer is", "answers are")} still on this device and will be sent when the connection is
          back. Keep this page open. What arrives now is stored and marked as late; it was not submitted.
        </p>
      )}
      <LateAnswers numbers={numbers} />
    </>
  );
}

function reason({ submitCause, sessionId }: Attempt): string {
  switch (submitCause) {
    case SubmitCause.TIME_LIMIT_EXCEEDED:
      return "Your time is over. The answers that were saved by then were submitted for you.";
    case SubmitCause.SESSION_ENDED:
      return "The session has ended. The answers that were saved by then were submitted for you.";
    case SubmitCause.REMOVED:
      return "You were removed from the session. The answers that were saved by then were submitted, and an administrator decides whether the result is released.";
    default:
      return sessionId
        ? "You have submitted your answers. Tell your proctor that you are done."
        : "You have submitted your answers.";
  }
}

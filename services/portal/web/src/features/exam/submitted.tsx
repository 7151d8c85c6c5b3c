// The attempt after its submission.
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { Link } from "../../components/link";
import { type Attempt, AttemptState, SubmitCause } from "../../gen/proctorium/assessment/v1/attempts_pb";
import { messages } from "../../messages";
import { dateTime } from "../../messages/format";
import { clearOffline } from "../../offline/attempt-cache";
import type { AnswerSaver } from "./answer-saver";
import { answerSaver } from "./answer-savers";
import { LateAnswers, useLateQuestions } from "./late-answers";

const text = messages.exam;

export function Submitted({ attempt }: { attempt: Attempt }): JSX.Element {
  useEffect(() => void clearOffline(), []);
  return (
    <div class="card">
      <p role="status">{causeText(attempt)}</p>
      <p>
        <strong>{text.submittedOn(dateTime(attempt.submitTime))}</strong>
        {text.answeredOf(attempt.answeredCount, attempt.itemCount)}
      </p>
      {attempt.sessionId && attempt.state === AttemptState.SUBMITTED && (
        <p class="quiet">
          {text.questionsHidden}
          {attempt.submitCause !== SubmitCause.REMOVED && ` ${text.resultAfterSession}`}
        </p>
      )}
      <LateNotes attempt={attempt} saver={answerSaver(attempt.attemptId, 0n)} />
      {attempt.state === AttemptState.RELEASED && (
        <p>
          <Link to={`/results/${attempt.attemptId}`} class="button">
            {text.seeResult}
          </Link>
        </p>
      )}
      {attempt.sessionId && (
        <p>
          <Link to={`/sessions/${attempt.sessionId}`}>{text.toSession}</Link>
        </p>
      )}
    </div>
  );
}

/** Shows that answers are still pending, and which answers arrived after the deadline (A6). */
function LateNotes({ attempt, saver }: { attempt: Attempt; saver: AnswerSaver }): JSX.Element {
  const pending = saver.pendingItems.value.size;
  const numbers = useLateQuestions(attempt.attemptId, `${pending}/${saver.hasLateAnswers.value}`);
  return (
    <>
      {pending > 0 && (
        <p class="note" role="status">
          {text.pendingAfterSubmission(pending)}
        </p>
      )}
      <LateAnswers numbers={numbers} />
    </>
  );
}

function causeText({ submitCause, sessionId }: Attempt): string {
  switch (submitCause) {
    case SubmitCause.TIME_LIMIT_EXCEEDED:
      return text.submitCause.timeOver;
    case SubmitCause.SESSION_ENDED:
      return text.submitCause.sessionEnded;
    case SubmitCause.REMOVED:
      return text.submitCause.removed;
    case SubmitCause.ENDED_BY_PROCTOR:
      return text.submitCause.endedByProctor;
    default:
      return sessionId ? text.submitCause.inSession : text.submitCause.alone;
  }
}

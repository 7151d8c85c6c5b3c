// What a learner reads after an attempt was submitted.
import type { JSX } from "preact";
import { type Attempt, AttemptState, SubmitCause } from "../../gen/proctorium/assessment/v1/attempts_pb";
import { Link } from "../../parts";
import { counted } from "../../words";
import { type Answers, answersOf } from "./answers";

export function Submitted({ attempt }: { attempt: Attempt }): JSX.Element {
  return (
    <div class="card">
      <p role="status">{submittedSentence(attempt)}</p>
      {attempt.sessionId && attempt.state !== AttemptState.RELEASED && (
        <p class="quiet">The questions are not shown any more while others in the session still work on them.</p>
      )}
      <Late answers={answersOf(attempt.attemptId, 0n)} />
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

/** What was answered without a connection and came after the bell (A6). */
function Late({ answers }: { answers: Answers }): JSX.Element | null {
  const waiting = answers.unsent.value.size;
  if (waiting > 0) {
    return (
      <p class="note" role="status">
        {counted(waiting, "answer is", "answers are")} still on this device and will be sent when the connection is back. Keep this page open.
      </p>
    );
  }
  if (!answers.late.value) return null;
  return (
    <p class="note" role="status">
      Answers that you made without a connection arrived after the time was over. They are kept and marked as late, and do
      not count in the result. If you have questions, ask your proctor.
    </p>
  );
}

function submittedSentence({ submitCause, sessionId }: Attempt): string {
  switch (submitCause) {
    case SubmitCause.TIME_OVER:
      return "Your time is over. Everything that you had answered was submitted for you.";
    case SubmitCause.SESSION_ENDED:
      return "The session has ended. Everything that you had answered was submitted for you.";
    case SubmitCause.REMOVED:
      return "You were removed from the session. Everything that you had answered was submitted, and an administrator decides whether the result is released.";
    default:
      return sessionId ? "You have submitted your answers. Tell your proctor that you are done." : "You have submitted your answers.";
  }
}

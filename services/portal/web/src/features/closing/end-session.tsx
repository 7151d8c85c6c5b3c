// Ending a session: the confirmation with the learners who still work, and the cancellation of the countdown.
import type { JSX } from "preact";
import { sessions } from "../../api/client";
import { useAction } from "../../api/use-action";
import { useServerNow } from "../../api/use-server-now";
import { ConfirmButton } from "../../components/confirm-button";
import { ProblemNote } from "../../components/problem-note";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { duration } from "../../messages/format";
import { useNames } from "../people/use-names";
import { openAttempts } from "./open-attempts";

const text = messages.closing;

interface EndSessionProps {
  session: Session;
  participants: readonly Participant[];
}

/** The button that ends the session, after a countdown if the plan has one. */
export function EndSession({ session, participants }: EndSessionProps): JSX.Element {
  const { busy, problem, run } = useAction();
  const { sessionId } = session;
  const countdown = Number(session.plan?.closingCountdown?.seconds ?? 0);
  return (
    <>
      <ConfirmButton
        label={text.end}
        consequence={<EndConsequence session={session} participants={participants} countdown={countdown} />}
        confirmLabel={countdown > 0 ? text.endAfter(countdown) : text.endConfirm}
        cancelLabel={text.endCancel}
        busy={busy}
        onConfirm={() => void run((requestId) => sessions.endSession({ requestId, sessionId }))}
      />
      <ProblemNote problem={problem} />
    </>
  );
}

interface EndConsequenceProps {
  session: Session;
  participants: readonly Participant[];
  /** The length of the countdown in seconds. */
  countdown: number;
}

function EndConsequence({ session, participants, countdown }: EndConsequenceProps): JSX.Element {
  const window = Number(session.plan?.reopenWindow?.seconds ?? 0);
  const open = openAttempts(participants, useServerNow());
  const name = useNames(open.map(({ personId }) => personId));
  return (
    <>
      <p>{text.endConsequence}</p>
      {open.length > 0 && (
        <>
          <p>{text.stillWorking(open.length)}</p>
          <ul>
            {open.map(({ personId, secondsLeft, isStopped }) => (
              <li key={personId}>
                <bdi>{name(personId)}</bdi>: {remaining(secondsLeft, isStopped)}
              </li>
            ))}
          </ul>
        </>
      )}
      {countdown > 0 && <p>{text.countdownHint(countdown)}</p>}
      {window > 0 && <p>{text.reopenHint(window)}</p>}
    </>
  );
}

function remaining(secondsLeft: number | undefined, isStopped: boolean): string {
  if (secondsLeft === undefined) return text.noTimeLimit;
  return isStopped ? text.leftWhilePaused(duration(secondsLeft)) : text.left(duration(secondsLeft));
}

/** The buttons with which a proctor cancels the countdown, or ends the session before the countdown is over. */
export function ClosingActions({ session }: { session: Session }): JSX.Element {
  const { busy, problem, run } = useAction();
  const { sessionId } = session;
  const cancel = (): void => void run((requestId) => sessions.cancelClosing({ requestId, sessionId }));
  return (
    <>
      <button type="button" disabled={busy} onClick={cancel}>
        {text.cancelClosing}
      </button>
      <ConfirmButton
        label={text.endNow}
        consequence={text.endConsequence}
        confirmLabel={text.endConfirm}
        cancelLabel={text.endCancel}
        busy={busy}
        onConfirm={() => void run((requestId) => sessions.endSession({ requestId, sessionId, endNow: true }))}
      />
      <ProblemNote problem={problem} />
    </>
  );
}

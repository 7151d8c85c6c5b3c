// The control with which a learner requests a break, and starts a granted break.
import type { JSX } from "preact";
import { breaks } from "../../api/client";
import { useAction } from "../../api/use-action";
import { ProblemNote } from "../../components/problem-note";
import { BreakState } from "../../gen/proctorium/session/v1/breaks_pb";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { isInSession } from "../supervision/participants";
import { secondsOf } from "./breaks";

const text = messages.breaks;

interface OwnBreakProps {
  session: Session;
  participant: Participant;
}

export function OwnBreak({ session, participant }: OwnBreakProps): JSX.Element | null {
  const { busy, problem, run } = useAction();
  const { latestBreak, breakAllowance } = participant;
  const { sessionId } = session;
  const breakId = latestBreak?.breakId ?? "";
  const state = latestBreak?.state;
  if (!isInSession(participant) || (breakAllowance === undefined && latestBreak === undefined)) return null;
  const request = (): void => void run((requestId) => breaks.requestBreak({ requestId, sessionId }), "request break");
  const start = (): void => void run((requestId) => breaks.startBreak({ requestId, breakId }), `start ${breakId}`);
  const cancel = (): void =>
    void run((requestId) => breaks.cancelBreakRequest({ requestId, breakId }), `cancel ${breakId}`);
  const isPending = state === BreakState.REQUESTED || state === BreakState.GRANTED;
  const canRequest = !isPending && state !== BreakState.STARTED && secondsOf(breakAllowance?.longestLength) > 0;
  return (
    <>
      <span role="status" class="hand-status" dir="auto">
        {statusOf(participant)}
      </span>
      <ProblemNote problem={problem} />
      {canRequest && (
        <button type="button" class="plain" disabled={busy} onClick={request}>
          {text.request}
          <span class="visually-hidden"> {leftOf(participant)}</span>
        </button>
      )}
      {state === BreakState.GRANTED && (
        <button type="button" disabled={busy} onClick={start}>
          {text.start}
        </button>
      )}
      {isPending && (
        <button type="button" class="plain" disabled={busy} onClick={cancel}>
          {state === BreakState.REQUESTED ? text.cancelRequest : text.cancelGranted}
        </button>
      )}
    </>
  );
}

function statusOf({ latestBreak }: Participant): string {
  switch (latestBreak?.state) {
    case BreakState.REQUESTED:
      return text.requested;
    case BreakState.GRANTED:
      return text.granted(secondsOf(latestBreak.length));
    case BreakState.REFUSED:
      return text.refused(latestBreak.refusalReason);
    default:
      return "";
  }
}

/** Return how many breaks and how much break time the learner has left. */
function leftOf({ breakAllowance }: Participant): string {
  return text.left(breakAllowance?.remainingCount, secondsOf(breakAllowance?.remainingTime));
}

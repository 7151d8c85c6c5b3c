// Shows an attempt that is not in progress. Before the start, the page shows the next step or the button that starts
// the attempt. After the submission, the page shows the submitted attempt.
import type { JSX } from "preact";
import { attempts } from "../../api/client";
import { useQuery } from "../../api/use-query";
import { ConfirmButton } from "../../components/confirm-button";
import { HelpContact } from "../../components/help-contact";
import { Link } from "../../components/link";
import { Loading } from "../../components/loading";
import { type Attempt, AttemptState } from "../../gen/proctorium/assessment/v1/attempts_pb";
import { IdentityState } from "../../gen/proctorium/session/v1/lobby_pb";
import { messages } from "../../messages";
import { mustSendImages, nextStep } from "./next-step";
import { Submitted } from "./submitted";

const text = messages.exam;

interface StartProps {
  attempt: Attempt;
  /** The state of the identity check that the assessment depends on; undefined outside of a session. */
  identity: IdentityState | undefined;
  busy: boolean;
  start: () => void;
}

/** Shows an attempt without its questions. */
export function AttemptStatus({ attempt, identity, busy, start }: StartProps): JSX.Element {
  switch (attempt.state) {
    case AttemptState.AWAITING_AUTHORIZATION:
      return <Waiting attempt={attempt} identity={identity} />;
    case AttemptState.AUTHORIZED:
      return <Start attempt={attempt} busy={busy} start={start} />;
    case AttemptState.IN_PROGRESS:
      return <Loading what={text.yourQuestions} />;
    case AttemptState.VOIDED:
      return (
        <>
          <p>{text.voided}</p>
          <HelpContact />
        </>
      );
    default:
      return <Submitted attempt={attempt} />;
  }
}

function Waiting({
  attempt,
  identity = IdentityState.NOT_REQUIRED,
}: {
  attempt: Attempt;
  identity: IdentityState | undefined;
}): JSX.Element {
  return (
    <>
      <p role="status">{nextStep(identity)}</p>
      {(mustSendImages(identity) || identity === IdentityState.REJECTED) && (
        <p>
          <Link to={`/sessions/${attempt.sessionId}`} class="button">
            {text.toIdentityCheck}
          </Link>
        </p>
      )}
    </>
  );
}

function Start({ attempt, busy, start }: Omit<StartProps, "identity">): JSX.Element {
  const running = useRunning(attempt.attemptId);
  return (
    <div class="card">
      <p>{text.startHint(attempt.itemCount, attempt.timeLimit && Number(attempt.timeLimit.seconds))}</p>
      {running === undefined ? (
        <button type="button" disabled={busy} onClick={start}>
          {text.start} <span class="visually-hidden">{text.quoted(attempt.title)}</span>
        </button>
      ) : (
        <>
          <p class="note">
            {text.otherRunning(running.title)}{" "}
            <Link to={`/attempts/${running.attemptId}`}>{text.continueOther(running.title)}</Link>
          </p>
          <ConfirmButton
            label={text.startToo(attempt.title)}
            consequence={text.startTooConsequence(running.title)}
            confirmLabel={text.startTooConfirm(attempt.title)}
            cancelLabel={text.startTooCancel(running.title)}
            busy={busy}
            onConfirm={start}
          />
        </>
      )}
    </div>
  );
}

const MAX_ATTEMPTS = 200;

/**
 * Return another attempt of the learner that is in progress. If the attempts cannot be loaded, return undefined, so
 * that the learner can start the attempt without a warning.
 */
function useRunning(attemptId: string): Attempt | undefined {
  const { data } = useQuery(`running/${attemptId}`, () => attempts.listAttempts({ pageSize: MAX_ATTEMPTS }));
  return data?.attempts.find((other) => other.attemptId !== attemptId && other.state === AttemptState.IN_PROGRESS);
}

// An attempt before it is started: what the learner waits for, or the button that starts the clock.
import type { JSX } from "preact";
import { attempts } from "../../api/client";
import { useQuery } from "../../api/use-query";
import { ConfirmButton } from "../../components/confirm-button";
import { HelpContact } from "../../components/help-contact";
import { Link } from "../../components/link";
import { Loading } from "../../components/loading";
import { type Attempt, AttemptState } from "../../gen/proctorium/assessment/v1/attempts_pb";
import { IdentityState, type Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import { counted, duration } from "../../messages/format";
import { mustSendImages, nextStep } from "./next-step";
import { Submitted } from "./submitted";

interface StartProps {
  attempt: Attempt;
  /** The learner in the session of the attempt. */
  participant: Participant | undefined;
  busy: boolean;
  start: () => void;
}

/** The attempt while its questions are not shown. */
export function BeforeAndAfter({ attempt, participant, busy, start }: StartProps): JSX.Element {
  switch (attempt.state) {
    case AttemptState.AWAITING_AUTHORIZATION:
      return <Waiting attempt={attempt} participant={participant} />;
    case AttemptState.AUTHORIZED:
      return <Start attempt={attempt} busy={busy} start={start} />;
    case AttemptState.IN_PROGRESS:
      return <Loading what="your questions" />;
    case AttemptState.VOIDED:
      return (
        <>
          <p>
            The session ended before you started, so there is nothing to submit. If you have questions, ask your
            administrator.
          </p>
          <HelpContact />
        </>
      );
    default:
      return <Submitted attempt={attempt} />;
  }
}

function Waiting({ attempt, participant }: { attempt: Attempt; participant: Participant | undefined }): JSX.Element {
  const identity = participant?.identity ?? IdentityState.UNSPECIFIED;
  return (
    <>
      <p role="status">{nextStep(identity)}</p>
      {(mustSendImages(identity) || identity === IdentityState.REJECTED) && (
        <p>
          <Link to={`/sessions/${attempt.sessionId}`} class="button">
            Go to the identity check
          </Link>
        </p>
      )}
    </>
  );
}

function Start({ attempt, busy, start }: Omit<StartProps, "participant">): JSX.Element {
  const running = useRunning(attempt.attemptId);
  return (
    <div class="card">
      <p>
        {counted(attempt.itemCount, "question")}
        {attempt.timeLimit && `, ${duration(Number(attempt.timeLimit.seconds))}`}. The clock starts when you begin.
        Every answer is saved at once, and you can change it until you submit.
      </p>
      {running === undefined ? (
        <button type="button" disabled={busy} onClick={start}>
          Begin the assessment <span class="visually-hidden">“{attempt.title}”</span>
        </button>
      ) : (
        <>
          <p class="note">
            You have not submitted “{running.title}” yet.{" "}
            <Link to={`/attempts/${running.attemptId}`}>Continue “{running.title}”</Link>
          </p>
          <ConfirmButton
            label={`Begin “${attempt.title}” too…`}
            consequence={`The time of “${running.title}” goes on while you answer this one: two clocks run.`}
            confirmLabel={`Begin “${attempt.title}” now`}
            cancelLabel={`Finish “${running.title}” first`}
            busy={busy}
            onConfirm={start}
          />
        </>
      )}
    </div>
  );
}

const MOST_ATTEMPTS = 200;

/** Return another attempt of the learner that is in progress. Without a response the server's rules alone decide. */
function useRunning(attemptId: string): Attempt | undefined {
  const { data } = useQuery(`running/${attemptId}`, () => attempts.listAttempts({ pageSize: MOST_ATTEMPTS }));
  return data?.attempts.find((other) => other.attemptId !== attemptId && other.state === AttemptState.IN_PROGRESS);
}

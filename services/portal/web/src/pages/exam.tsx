// An attempt: before it starts, while it runs, and after it was submitted.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { attempts, lobby } from "../calls";
import type { Shown } from "../features/exam/clock";
import { ExamRoom } from "../features/exam/room";
import { Submitted } from "../features/exam/submitted";
import { type Attempt, AttemptState, type WatchAttemptResponse } from "../gen/proctorium/assessment/v1/attempts_pb";
import { ParticipantState, type WatchSessionResponse } from "../gen/proctorium/session/v1/lobby_pb";
import { SessionState } from "../gen/proctorium/session/v1/sessions_pb";
import { useLive } from "../live";
import { Busy, Help, ProblemNote, Title, useAction, useLoaded } from "../parts";
import { counted, duration } from "../words";

export function ExamPage({ attemptId }: { attemptId: string }): JSX.Element {
  const live = useLive<WatchAttemptResponse, Shown>(
    attemptId,
    (cursor, options) => attempts.watchAttempt({ attemptId, cursor }, options),
    (before, message) => (message.attempt ? { attempt: message.attempt, at: performance.now() } : (before as Shown)),
  );
  const { connected, problem } = live;
  const view = live.view?.attempt;
  const [begun, setBegun] = useState<Attempt | undefined>(undefined);
  const begin = useAction();
  const running = view?.state === AttemptState.IN_PROGRESS;
  // Coming back: on any device the attempt goes on where it was.
  const back = useLoaded(`${attemptId}/${running}`, async () =>
    running && begun === undefined ? (await attempts.getAttempt({ attemptId })).attempt : undefined,
  );
  const attempt = begun ?? back.loaded;
  if (live.view === undefined || view === undefined) {
    return (
      <>
        <Title>Assessment</Title>
        {problem ? <ProblemNote problem={problem} /> : <Busy what="the assessment" />}
      </>
    );
  }
  return (
    <>
      {view.sessionId && <InSession sessionId={view.sessionId} open={view.state < AttemptState.SUBMITTED} />}
      {running && attempt !== undefined ? (
        <ExamRoom attempt={attempt} shown={live.view} connected={connected} reopen={live.reopen} />
      ) : (
        <section class="narrow">
          <Title>{view.title}</Title>
          <ProblemNote problem={problem ?? begin.problem ?? back.problem} />
          <Before
            attempt={view}
            busy={begin.busy}
            begin={() =>
              void begin.run(async (requestId) => {
                const answer = await attempts.beginAttempt({ requestId, attemptId });
                setBegun(answer.attempt);
              })
            }
          />
        </section>
      )}
    </>
  );
}

/**
 * Keeps the learner present in the session: an open watch of it is what the proctor's roster calls connected. Says what the session does to
 * the learner before the attempt itself shows it; `open` while it does not.
 */
function InSession({ sessionId, open }: { sessionId: string; open: boolean }): JSX.Element | null {
  const { view } = useLive<WatchSessionResponse, WatchSessionResponse>(
    sessionId,
    (cursor, options) => lobby.watchSession({ sessionId, cursor }, options),
    (_, message) => message,
  );
  if (view?.participant?.state === ParticipantState.REMOVED) {
    return (
      <p class="note problem" role="alert">
        Your proctor has ended this session for you. The reason they gave: {view.participant.removalReason}
      </p>
    );
  }
  if (!open || view?.session?.state !== SessionState.ENDED) return null;
  return (
    <p class="note" role="status">
      The session has ended, and everything that you had answered is being submitted for you.
    </p>
  );
}

function Before({ attempt, busy, begin }: { attempt: Attempt; busy: boolean; begin: () => void }): JSX.Element {
  switch (attempt.state) {
    case AttemptState.AWAITING_AUTHORIZATION:
      return <p role="status">Please wait. Your proctor authorises the assessment, and this page then lets you begin.</p>;
    case AttemptState.AUTHORIZED:
      return (
        <div class="card">
          <p>
            {counted(attempt.itemCount, "question")}
            {attempt.timeLimit && `, ${duration(Number(attempt.timeLimit.seconds))}`}. The clock starts when you begin. Every
            answer is saved at once, and you can change it until you submit.
          </p>
          <button type="button" disabled={busy} onClick={begin}>
            Begin the assessment
          </button>
        </div>
      );
    case AttemptState.IN_PROGRESS:
      return <Busy what="your questions" />;
    case AttemptState.VOIDED:
      return (
        <>
          <p>The session ended before you began, so there is nothing to submit. If you have questions, ask your administrator.</p>
          <Help />
        </>
      );
    default:
      return <Submitted attempt={attempt} />;
  }
}

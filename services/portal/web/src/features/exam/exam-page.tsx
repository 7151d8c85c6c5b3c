// The page of an attempt in all states: before the start, in progress, and after the submission.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { attempts, lobby } from "../../api/client";
import { noteServerTime } from "../../api/server-time";
import { useAction } from "../../api/use-action";
import { useStream } from "../../api/use-stream";
import { Loading } from "../../components/loading";
import { PageTitle } from "../../components/page-title";
import { ProblemNote } from "../../components/problem-note";
import { type Attempt, AttemptState, type WatchAttemptResponse } from "../../gen/proctorium/assessment/v1/attempts_pb";
import { ParticipantState, type WatchSessionResponse } from "../../gen/proctorium/session/v1/lobby_pb";
import { SessionState } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { loadOffline } from "../../offline/attempt-cache";
import { unconfirmed } from "../account/current-user";
import { SignedInAs } from "../account/sign-out";
import { BreakScreen } from "../breaks/break-screen";
import { breakOf, clockStops, startedBreak } from "../breaks/breaks";
import { ClosingNote } from "../closing/closing-note";
import { SessionEnd } from "../closing/session-end";
import { withEarlierMessages } from "../messages/conversation";
import { LearnerMessages } from "../messages/learner-messages";
import { IdentityNotice } from "../order/identity-again";
import { EndedNote, RemovedNote } from "../removal/removed-note";
import { blockingIdentity } from "../supervision/participants";
import { AttemptStatus } from "./attempt-status";
import type { AttemptSnapshot } from "./clock";
import { pauseOf } from "./pause";
import { PauseNote } from "./pause-note";
import { RunningAttempt } from "./running-attempt";

const text = messages.exam;

export function ExamPage({ attemptId }: { attemptId: string }): JSX.Element {
  const live = useStream<WatchAttemptResponse, AttemptSnapshot>(
    attemptId,
    (cursor, options) => attempts.watchAttempt({ attemptId, cursor }, options),
    (before, message) => {
      noteServerTime(message.attempt?.serverTime);
      return message.attempt ? { attempt: message.attempt, at: performance.now() } : (before as AttemptSnapshot);
    },
  );
  const { connected, problem } = live;
  const [started, setStarted] = useState<Attempt | undefined>(undefined);
  const starting = useAction();
  const start = (): Promise<void> =>
    starting.run(async (requestId) => {
      const { attempt } = await attempts.startAttempt({ requestId, attemptId });
      setStarted(attempt);
    });
  const [stored, setStored] = useStored(attemptId);
  const isSubmitted = (live.view?.attempt.state ?? 0) >= AttemptState.SUBMITTED;
  // If the attempt is reopened, it is loaded again, because these copies do not have the saved answers.
  useEffect(() => {
    if (!isSubmitted) return;
    setStarted(undefined);
    setStored(undefined);
  }, [isSubmitted]);
  const forgetQuestions = (): void => {
    setStarted(undefined);
    if (live.view !== undefined) setStored(undefined);
  };
  const shown = live.view ?? stored;
  if (shown === undefined) {
    return (
      <>
        <PageTitle>{text.assessment}</PageTitle>
        {problem ? <ProblemNote problem={problem} /> : <Loading what={text.theAssessment} />}
      </>
    );
  }
  const view = shown.attempt;
  const page = (session?: WatchSessionResponse): JSX.Element => {
    const participant = session?.participant;
    const pause = pauseOf(session?.session, participant, view);
    const ownBreak = breakOf(session?.session, participant, view);
    const taken = startedBreak(participant);
    const screen = taken && <BreakScreen taken={taken} clockStops={clockStops(session?.session)} />;
    if (view.state === AttemptState.IN_PROGRESS) {
      return (
        <RunningAttempt
          initial={started ?? stored?.attempt}
          shown={shown}
          pause={pause}
          ownBreak={ownBreak}
          breakScreen={screen}
          participant={participant}
          connected={connected}
          problem={problem}
          reopen={live.reopen}
          onHidden={forgetQuestions}
        />
      );
    }
    return (
      <section class="narrow">
        <PageTitle>
          <bdi>{view.title}</bdi>
        </PageTitle>
        {view.state < AttemptState.SUBMITTED && <SignedInAs />}
        <ProblemNote problem={problem ?? starting.problem} />
        {view.state < AttemptState.SUBMITTED && pause && !pause.isRemoved && (
          <PauseNote pause={pause} hint={text.pauseHintBeforeStart} />
        )}
        {view.state < AttemptState.SUBMITTED && screen}
        <AttemptStatus
          attempt={view}
          identity={participant && blockingIdentity(participant, session?.session)}
          busy={starting.busy || pause !== undefined || ownBreak !== undefined}
          start={() => void start()}
        />
      </section>
    );
  };
  if (!view.sessionId) return page();
  return (
    <SessionPresence sessionId={view.sessionId} open={view.state < AttemptState.SUBMITTED}>
      {page}
    </SessionPresence>
  );
}

/** Return the attempt that this browser stores if the page was opened without a connection. */
function useStored(attemptId: string): [AttemptSnapshot | undefined, (stored: AttemptSnapshot | undefined) => void] {
  const [stored, setStored] = useState<AttemptSnapshot | undefined>(undefined);
  useEffect(() => {
    if (!unconfirmed.peek()) return;
    void loadOffline().then((found) => {
      if (found?.attempt.attemptId === attemptId) setStored({ attempt: found.attempt, at: performance.now() });
    });
  }, [attemptId]);
  return [stored, setStored];
}

/**
 * Keeps the learner connected to the session: the roster shows a learner as connected while the learner's page watches
 * the session. Shows the removal of the learner, and the end of the session for the learner. While the attempt is
 * `open`, it also shows requests for new photos, the countdown and the end of the session. The stream of the attempt
 * reports the end of the session later.
 */
function SessionPresence({
  sessionId,
  open,
  children,
}: {
  sessionId: string;
  open: boolean;
  children: (session?: WatchSessionResponse) => JSX.Element;
}): JSX.Element {
  const { view } = useStream<WatchSessionResponse, WatchSessionResponse>(
    sessionId,
    (cursor, options) => lobby.watchSession({ sessionId, cursor }, options),
    withEarlierMessages,
  );
  const removed = view?.participant?.state === ParticipantState.REMOVED;
  return (
    <>
      {removed && view.session && view.participant && (
        <RemovedNote session={view.session} participant={view.participant} />
      )}
      {view?.participant && !removed && <EndedNote participant={view.participant} />}
      {open && !removed && view?.session?.state === SessionState.ENDED && (
        <p class="note" role="status">
          {text.sessionEnded}
        </p>
      )}
      {open && <IdentityNotice participant={view?.participant} />}
      {view?.session && open && (
        <>
          <ClosingNote session={view.session} hint={messages.closing.learnerHint} />
          <p class="quiet">
            <SessionEnd session={view.session} />
          </p>
        </>
      )}
      <LearnerMessages view={view} />
      {children(view)}
    </>
  );
}

// The exam room: each change is saved at once and kept on this device until it is acknowledged; the clock is the server's.
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type ReadonlySignal, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import { untilAnswered } from "../again";
import { type Answers, answersOf } from "../answers";
import { attempts, lobby } from "../calls";
import { type Attempt, AttemptState, type SavedAnswer, SubmitCause, type WatchAttemptResponse } from "../gen/proctorium/assessment/v1/attempts_pb";
import type { Answer } from "../gen/proctorium/assessment/v1/items_pb";
import { ParticipantState, type WatchSessionResponse } from "../gen/proctorium/session/v1/lobby_pb";
import { SessionState } from "../gen/proctorium/session/v1/sessions_pb";
import { useLive } from "../live";
import { Badge, Busy, Help, Link, ProblemNote, Title, useAction, useLoaded } from "../parts";
import { go } from "../route";
import { counted, duration } from "../words";
import { isGiven, Question } from "./question";

/** The attempt as the server showed it last, and when that was by `performance.now()`. */
interface Shown {
  attempt: Attempt;
  at: number;
}

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
          <p>The session ended before you began, so there is nothing to submit. Your administrator can arrange a makeup session.</p>
          <Help />
        </>
      );
    default:
      return <HandedIn attempt={attempt} />;
  }
}

function HandedIn({ attempt }: { attempt: Attempt }): JSX.Element {
  return (
    <div class="card">
      <p role="status">{handedInSentence(attempt)}</p>
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
      Answers that you made without a connection arrived after the time was over. They are kept and marked as late; nothing is lost. A
      person decides about them: tell your proctor.
    </p>
  );
}

function handedInSentence({ submitCause, sessionId }: Attempt): string {
  switch (submitCause) {
    case SubmitCause.TIME_OVER:
      return "Your time is over. Everything that you had answered was submitted for you.";
    case SubmitCause.SESSION_ENDED:
      return "The session has ended. Everything that you had answered was submitted for you.";
    case SubmitCause.REMOVED:
      return "You were removed from the session. Everything that you had answered was submitted, and a person decides about the result.";
    default:
      return sessionId ? "You have submitted your answers. Tell your proctor that you are done." : "You have submitted your answers.";
  }
}

interface ExamRoomProps {
  /** As it was when it was opened, with questions and answers. */
  attempt: Attempt;
  shown: Shown;
  connected: boolean;
  reopen: () => void;
}

function ExamRoom({ attempt, shown, connected, reopen }: ExamRoomProps): JSX.Element {
  const now = useSteadyClock(reopen);
  const answers = useMemo(() => answersOf(attempt.attemptId, attempt.lastSequence), [attempt.attemptId]);
  useLookElsewhere(answers, attempt);
  const [given, setGiven] = useState<ReadonlyMap<string, Answer>>(() => present(attempt, answers));
  const change = (itemId: string, answer: Answer): void => {
    setGiven((before) => new Map(before).set(itemId, answer));
    answers.change(itemId, answer);
  };
  const [unsavable, setUnsavable] = useState<ReadonlySet<string>>(new Set());
  const mark = (itemId: string, wrong: boolean): void =>
    setUnsavable((before) => new Set([...before].filter((other) => other !== itemId).concat(wrong ? itemId : [])));
  const overruled = answers.overruled.value;
  useEffect(() => setGiven((before) => new Map([...before, ...newerThan(attempt, overruled)])), [overruled]);
  const numbers = attempt.items.map((item, index) => ({ number: index + 1, answered: isGiven(given.get(item.itemId)), wrong: unsavable.has(item.itemId) }));
  const open = numbers.filter(({ answered }) => !answered);
  const wrong = numbers.filter((one) => one.wrong).map(({ number }) => number);
  return (
    <>
      <div class="exam-bar">
        <Title focused>{attempt.title}</Title>
        <Clock shown={shown} now={now} />
        <SaveMark answers={answers} unsavable={unsavable.size} />
      </div>
      <Away answers={answers} connected={connected} shown={shown} now={now} />
      <nav class="overview" aria-label="Questions">
        {numbers.map(({ number, answered }) => (
          <QuestionLink key={number} number={number} answered={answered} />
        ))}
      </nav>
      <ol class="questions">
        {attempt.items.map((item, index) => (
          <li key={item.itemId} id={`question-${index + 1}`} tabIndex={-1} class="card">
            <Question
              item={item}
              number={index + 1}
              of={attempt.items.length}
              answer={given.get(item.itemId)}
              change={(answer) => change(item.itemId, answer)}
              mark={(wrong) => mark(item.itemId, wrong)}
            />
            {overruled.has(item.itemId) && (
              <p class="note" role="status">
                You gave a newer answer to this question on another device or in another tab. That one counts, and it is shown here.
              </p>
            )}
            {!unsavable.has(item.itemId) && <Saved answers={answers} itemId={item.itemId} answered={isGiven(given.get(item.itemId))} />}
          </li>
        ))}
      </ol>
      {open.length === 0 ? (
        <p>All questions are answered.</p>
      ) : (
        <div class="row open">
          <span>Not answered yet:</span>
          {open.map(({ number }) => (
            <QuestionLink key={number} number={number} answered={false} />
          ))}
        </div>
      )}
      <Submit attempt={attempt} answers={answers} open={open.length} wrong={wrong} />
    </>
  );
}

/** Shows what another device has answered as soon as somebody looks at this page again. */
function useLookElsewhere(answers: Answers, attempt: Attempt): void {
  useEffect(() => {
    answers.shows(attempt);
    const look = (): void => {
      if (document.visibilityState === "visible") void answers.lookElsewhere();
    };
    document.addEventListener("visibilitychange", look);
    addEventListener("focus", look);
    return () => {
      document.removeEventListener("visibilitychange", look);
      removeEventListener("focus", look);
    };
  }, [answers, attempt]);
}

/** Leads to a question, for the keyboard too. */
function QuestionLink({ number, answered }: { number: number; answered: boolean }): JSX.Element {
  const follow = (event: MouseEvent): void => {
    event.preventDefault();
    document.getElementById(`question-${number}`)?.focus();
  };
  return (
    <a
      href={`#question-${number}`}
      class={answered ? "number answered" : "number"}
      aria-label={`Question ${number}, ${answered ? "answered" : "not answered"}`}
      onClick={follow}
    >
      {number}
      {answered && <span aria-hidden="true"> ✓</span>}
    </a>
  );
}

/** Whether the server has the answer to one question. */
function Saved({ answers, itemId, answered }: { answers: Answers; itemId: string; answered: boolean }): JSX.Element {
  const unsent = answers.unsent.value.has(itemId);
  const words = { saving: "Saving…", saved: "Saving…", offline: "Kept on this device, not sent yet", refused: "Not saved" };
  const text = unsent ? words[answers.state.value] : answered ? "Saved" : "Not answered yet";
  return <p class={unsent ? "saved waiting" : "saved"}>{text}</p>;
}

interface SubmitProps {
  attempt: Attempt;
  answers: Answers;
  /** How many questions have no answer. */
  open: number;
  /** The numbers of the questions where something stands that cannot be saved. */
  wrong: readonly number[];
}

function Submit({ attempt, answers, open, wrong }: SubmitProps): JSX.Element {
  const { busy, problem, run } = useAction();
  const [asking, setAsking] = useState(false);
  const question = useRef<HTMLDivElement>(null);
  useEffect(() => {
    if (asking) question.current?.focus();
  }, [asking]);
  const submit = (): Promise<void> =>
    run(async (requestId) => {
      const request = { requestId, attemptId: attempt.attemptId };
      await answers.settled();
      await untilAnswered(() => attempts.submitAttempt(request));
      if (attempt.sessionId) go(`/sessions/${attempt.sessionId}`);
    });
  if (!asking) {
    return (
      <button
        type="button"
        onClick={() => {
          void answers.lookElsewhere();
          setAsking(true);
        }}
      >
        Submit…
      </button>
    );
  }
  return (
    <div class="card" role="group" aria-label="Submit" tabIndex={-1} ref={question}>
      <p>
        {open > 0 && <strong>{counted(open, "question is", "questions are")} not answered. </strong>}
        {wrong.length > 0 && (
          <strong>
            What you typed at {wrong.length === 1 ? "question" : "questions"} {wrong.join(", ")} cannot be saved and will not be submitted.{" "}
          </strong>
        )}
        After submitting, nothing can be changed.
      </p>
      <ProblemNote problem={problem} />
      <p class="row">
        <button type="button" disabled={busy} onClick={() => void submit()}>
          {busy ? "Submitting…" : "Submit now"}
        </button>
        <button type="button" class="plain" disabled={busy} onClick={() => setAsking(false)}>
          Go on answering
        </button>
      </p>
      {busy && (
        <p class="quiet" role="status">
          Without a connection your answers are submitted by themselves as soon as it is back. Keep this page open.
        </p>
      )}
    </div>
  );
}

/** What counts now: what the server has, under what this device still has to send. */
function present(attempt: Attempt, answers: Answers): ReadonlyMap<string, Answer> {
  const given = new Map<string, Answer>();
  for (const saved of attempt.answers) if (saved.answer) given.set(saved.itemId, saved.answer);
  for (const change of answers.unacknowledged) if (change.answer) given.set(change.itemId, change.answer);
  return given;
}

/** Of the answers from elsewhere those that came after the attempt was loaded. */
function newerThan(attempt: Attempt, overruled: ReadonlyMap<string, SavedAnswer>): [string, Answer][] {
  const loaded = new Map(attempt.answers.map(({ itemId, sequence }) => [itemId, sequence]));
  return [...overruled].flatMap(([itemId, { sequence, answer }]) =>
    answer !== undefined && sequence > (loaded.get(itemId) ?? 0n) ? [[itemId, answer] satisfies [string, Answer]] : [],
  );
}

function SaveMark({ answers, unsavable }: { answers: Answers; unsavable: number }): JSX.Element {
  const saved = answers.state.value === "saved";
  return (
    <>
      {unsavable > 0 && <Badge tone="bad">{counted(unsavable, "answer")} cannot be saved</Badge>}
      {!(saved && unsavable > 0) && <Progress answers={answers} />}
    </>
  );
}

function Progress({ answers }: { answers: Answers }): JSX.Element {
  switch (answers.state.value) {
    case "refused":
      return <ProblemNote problem={answers.problem.value} />;
    case "offline":
      return <Badge tone="bad">Offline: {counted(answers.unsent.value.size, "answer")} kept on this device</Badge>;
    case "saving":
      return <Badge tone="wait">Saving…</Badge>;
    default:
      return <Badge tone="good">All answers saved</Badge>;
  }
}

interface AwayProps extends ClockProps {
  answers: Answers;
  connected: boolean;
}

/** Says what the learner needs to know while the connection is away: that nothing is lost, and that the time goes on or is over. */
function Away({ answers, connected, shown, now }: AwayProps): JSX.Element {
  const away = answers.state.value === "offline" || !connected;
  const over = secondsLeft(shown, now.value) === 0;
  return (
    <div role="status">
      {away && !answers.unkept.value && (
        <p class="note">
          {over
            ? "Your time is over. What is on this device is sent when the connection is back; what you change now arrives late."
            : "The connection is away. Go on answering: your answers are kept on this device and sent by themselves when it is back. Your time goes on. If it lasts, tell your proctor."}
        </p>
      )}
      {answers.unsent.value.size > 0 && answers.unkept.value && (
        <p class="note problem">Keep this page open until all answers are saved: this browser does not let us keep them on this device.</p>
      )}
    </div>
  );
}

/** How far the computer's clock may be moved before the server is asked for the time. */
const MOVED_MS = 2000;

/**
 * `performance.now()`, every second. Nobody corrects that clock, but on some systems it stands still while the computer sleeps: when it and
 * the computer's own clock no longer agree, the time is `asked` for again.
 */
function useSteadyClock(ask: () => void): ReadonlySignal<number> {
  const now = useSignal(performance.now());
  useEffect(() => {
    let before = Date.now() - performance.now();
    const timer = setInterval(() => {
      now.value = performance.now();
      const apart = Date.now() - now.value;
      if (Math.abs(apart - before) > MOVED_MS) ask();
      before = apart;
    }, 1000);
    return () => clearInterval(timer);
  }, [ask]);
  return now;
}

/** Whole seconds to the server's deadline, counted from the server's time; undefined for an attempt without a limit. */
function secondsLeft({ attempt, at }: Shown, now: number): number | undefined {
  if (attempt.deadlineTime === undefined || attempt.serverTime === undefined) return undefined;
  const left = timestampMs(attempt.deadlineTime) - timestampMs(attempt.serverTime);
  return Math.max(0, Math.round((left - Math.max(0, now - at)) / 1000));
}

interface ClockProps {
  shown: Shown;
  now: ReadonlySignal<number>;
}

function Clock({ shown, now }: ClockProps): JSX.Element | null {
  const left = secondsLeft(shown, now.value);
  if (left === undefined) return null;
  const parts = [Math.floor(left / 3600), Math.floor(left / 60) % 60, left % 60];
  const text = parts.map((part) => String(part).padStart(2, "0")).join(":");
  return (
    <>
      <span class={left < 300 ? "clock late" : "clock"} role="timer" aria-label="Time left">
        {text}
      </span>
      {/* Said aloud, and seldom: a clock that speaks every second is no help. */}
      <span class="visually-hidden" role="status">
        {lastMinutes(left)}
      </span>
    </>
  );
}

function lastMinutes(left: number): string {
  if (left === 0) return "Your time is over.";
  if (left <= 60) return "1 minute left.";
  return left <= 300 ? "5 minutes left." : "";
}

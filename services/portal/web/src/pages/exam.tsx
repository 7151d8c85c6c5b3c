// The exam room: each change is saved at once and kept on this device until it is acknowledged; the clock is the server's.
import { create } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { JSX } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import { Answers } from "../answers";
import { attempts } from "../calls";
import { type Attempt, AttemptState, SubmitCause, type WatchAttemptResponse } from "../gen/proctorium/assessment/v1/attempts_pb";
import { type Answer, AnswerSchema, type Choice, ChosenChoicesSchema, type Item } from "../gen/proctorium/assessment/v1/items_pb";
import { useLive } from "../live";
import { Badge, Busy, Link, ProblemNote, useAction } from "../parts";
import { go } from "../route";

export function ExamPage({ attemptId }: { attemptId: string }): JSX.Element {
  const { view, connected, problem } = useLive<WatchAttemptResponse, Attempt>(
    attemptId,
    (cursor, signal) => attempts.watchAttempt({ attemptId, cursor }, { signal, timeoutMs: 0 }),
    (before, message) => message.attempt ?? (before as Attempt),
  );
  const [begun, setBegun] = useState<Attempt | undefined>(undefined);
  const begin = useAction();
  const load = useAction();
  const running = view?.state === AttemptState.IN_PROGRESS;
  useEffect(() => {
    // Coming back: on any device the attempt goes on where it was.
    if (running && begun === undefined) {
      void load.run(async () => setBegun((await attempts.getAttempt({ attemptId })).attempt));
    }
  }, [running, begun === undefined]);
  if (view === undefined) {
    return (
      <>
        <h1 tabIndex={-1}>Assessment</h1>
        {problem ? <ProblemNote problem={problem} /> : <Busy what="the assessment" />}
      </>
    );
  }
  if (running && begun !== undefined) {
    return <ExamRoom attempt={begun} live={view} connected={connected} />;
  }
  return (
    <section class="narrow">
      <h1 tabIndex={-1}>{view.title}</h1>
      <ProblemNote problem={problem ?? begin.problem ?? load.problem} />
      <Before
        attempt={view}
        busy={begin.busy}
        begin={() =>
          void begin.run(async () => {
            const answer = await attempts.beginAttempt({ requestId: crypto.randomUUID(), attemptId });
            setBegun(answer.attempt);
          })
        }
      />
    </section>
  );
}

function Before({ attempt, busy, begin }: { attempt: Attempt; busy: boolean; begin: () => void }): JSX.Element {
  switch (attempt.state) {
    case AttemptState.AWAITING_AUTHORIZATION:
      return <p role="status">Please wait: your proctor has to authorise the assessment.</p>;
    case AttemptState.AUTHORIZED:
      return (
        <div class="card">
          <p>
            {attempt.itemCount} questions
            {attempt.timeLimit && `, ${Math.round(Number(attempt.timeLimit.seconds) / 60)} minutes`}. The clock starts when
            you begin. Every answer is saved at once.
          </p>
          <button type="button" disabled={busy} onClick={begin}>
            Begin the assessment
          </button>
        </div>
      );
    case AttemptState.IN_PROGRESS:
      return <Busy what="your questions" />;
    case AttemptState.VOIDED:
      return <p>The session ended before you began. Ask your administrator for a makeup session.</p>;
    default:
      return <HandedIn attempt={attempt} />;
  }
}

function HandedIn({ attempt }: { attempt: Attempt }): JSX.Element {
  return (
    <div class="card">
      <p role="status">{handedInSentence(attempt.submitCause)}</p>
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

function handedInSentence(cause: SubmitCause): string {
  switch (cause) {
    case SubmitCause.TIME_OVER:
      return "Your time was over: everything you had saved was handed in.";
    case SubmitCause.SESSION_ENDED:
      return "The session ended: everything you had saved was handed in.";
    case SubmitCause.REMOVED:
      return "You were removed from the session: everything you had saved was handed in.";
    default:
      return "You have handed in. Tell your proctor that you are done.";
  }
}

function ExamRoom({ attempt, live, connected }: { attempt: Attempt; live: Attempt; connected: boolean }): JSX.Element {
  const answers = useMemo(() => new Answers(attempt.attemptId, attempt.lastSequence), [attempt.attemptId]);
  const [given, setGiven] = useState<ReadonlyMap<string, Answer>>(() => present(attempt, answers));
  const submit = useAction();
  const [asking, setAsking] = useState(false);
  useEffect(() => () => answers.close(), [answers]);
  const change = (itemId: string, answer: Answer): void => {
    setGiven((before) => new Map(before).set(itemId, answer));
    answers.change(itemId, answer);
  };
  const handIn = (): Promise<void> =>
    submit.run(async () => {
      await answers.settled();
      await attempts.submitAttempt({ requestId: crypto.randomUUID(), attemptId: attempt.attemptId });
      if (attempt.sessionId) go(`/sessions/${attempt.sessionId}`);
    });
  const open = attempt.items.filter((item) => !isGiven(given.get(item.itemId))).length;
  return (
    <>
      <div class="exam-bar">
        <h1 tabIndex={-1}>{attempt.title}</h1>
        <Clock attempt={live} />
        <SaveMark answers={answers} connected={connected} />
      </div>
      <ol class="questions">
        {attempt.items.map((item) => (
          <li key={item.itemId} class="card">
            <Question item={item} answer={given.get(item.itemId)} change={(answer) => change(item.itemId, answer)} />
          </li>
        ))}
      </ol>
      <ProblemNote problem={submit.problem} />
      <p>{open === 0 ? "All questions are answered." : `${open} of ${attempt.items.length} questions are not answered yet.`}</p>
      {!asking && (
        <button type="button" disabled={submit.busy} onClick={() => setAsking(true)}>
          Submit…
        </button>
      )}
      {asking && (
        <div class="card" role="group" aria-label="Hand in">
          <p>
            {open > 0 && <strong>{open === 1 ? "1 question is" : `${open} questions are`} not answered. </strong>}
            After handing in nothing can be changed.
            {answers.state.value === "offline" && " You are offline: it is handed in when the connection is back."}
          </p>
          <p class="row">
            <button type="button" disabled={submit.busy} onClick={() => void handIn()}>
              {submit.busy ? "Handing in…" : "Hand in now"}
            </button>
            <button type="button" class="plain" disabled={submit.busy} onClick={() => setAsking(false)}>
              Go on answering
            </button>
          </p>
        </div>
      )}
    </>
  );
}

/** What counts now: what the server has, under what this device still has to send. */
function present(attempt: Attempt, answers: Answers): ReadonlyMap<string, Answer> {
  const given = new Map<string, Answer>();
  for (const saved of attempt.answers) if (saved.answer) given.set(saved.itemId, saved.answer);
  for (const change of answers.unacknowledged) if (change.answer) given.set(change.itemId, change.answer);
  return given;
}

function isGiven(answer: Answer | undefined): boolean {
  if (answer?.value.case === undefined) return false;
  return answer.value.case !== "chosen" || answer.value.value.choiceIds.length > 0;
}

function SaveMark({ answers, connected }: { answers: Answers; connected: boolean }): JSX.Element {
  const waiting = answers.waiting.value;
  switch (answers.state.value) {
    case "refused":
      return <ProblemNote problem={answers.problem.value} />;
    case "offline":
      return (
        <span role="status">
          <Badge tone="bad">Offline: {waiting} kept on this device</Badge>
        </span>
      );
    case "saving":
      return (
        <span role="status">
          <Badge tone="wait">Saving…</Badge>
        </span>
      );
    default:
      return (
        <span role="status">
          <Badge tone="good">All answers saved</Badge> {!connected && <Badge tone="wait">Reconnecting…</Badge>}
        </span>
      );
  }
}

/** Counts down to the server's deadline by the server's time. */
function Clock({ attempt }: { attempt: Attempt }): JSX.Element | null {
  const ahead = useMemo(
    () => (attempt.serverTime ? timestampMs(attempt.serverTime) - Date.now() : 0),
    [attempt.serverTime],
  );
  const [now, setNow] = useState(Date.now());
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000);
    return () => clearInterval(timer);
  }, []);
  if (attempt.deadlineTime === undefined) return null;
  const left = Math.max(0, Math.round((timestampMs(attempt.deadlineTime) - now - ahead) / 1000));
  const parts = [Math.floor(left / 3600), Math.floor(left / 60) % 60, left % 60];
  const text = parts.map((part) => String(part).padStart(2, "0")).join(":");
  return (
    <span class={left < 300 ? "clock late" : "clock"} role="timer" aria-label="Time left">
      {text}
    </span>
  );
}

interface QuestionProps {
  item: Item;
  answer: Answer | undefined;
  change: (answer: Answer) => void;
}

function Question({ item, answer, change }: QuestionProps): JSX.Element {
  return (
    <fieldset>
      <legend>
        {item.prompt} <span class="quiet">({item.points === 1 ? "1 point" : `${item.points} points`})</span>
      </legend>
      <Field item={item} answer={answer} change={change} />
    </fieldset>
  );
}

function Field({ item, answer, change }: QuestionProps): JSX.Element | null {
  const kind = item.kind;
  switch (kind.case) {
    case "singleChoice":
      return <Choices item={item} choices={kind.value.choices} several={false} answer={answer} change={change} />;
    case "multipleChoice":
      return <Choices item={item} choices={kind.value.choices} several answer={answer} change={change} />;
    case "trueFalse":
      return <Truth item={item} answer={answer} change={change} />;
    case "numeric":
      return <NumberField item={item} unit={kind.value.unit} answer={answer} change={change} />;
    default:
      return null;
  }
}

function Choices({ item, choices, several, answer, change }: QuestionProps & { choices: Choice[]; several: boolean }): JSX.Element {
  const chosen = answer?.value.case === "chosen" ? answer.value.value.choiceIds : [];
  const toggle = (id: string, on: boolean): void => {
    const rest = several ? chosen.filter((other) => other !== id) : [];
    const choiceIds = on ? [...rest, id] : rest;
    change(create(AnswerSchema, { value: { case: "chosen", value: create(ChosenChoicesSchema, { choiceIds }) } }));
  };
  return (
    <>
      {choices.map((choice) => (
        <label key={choice.choiceId} class="choice">
          <input
            type={several ? "checkbox" : "radio"}
            name={item.itemId}
            value={choice.choiceId}
            checked={chosen.includes(choice.choiceId)}
            onChange={(event) => toggle(choice.choiceId, event.currentTarget.checked)}
          />
          {choice.text}
        </label>
      ))}
    </>
  );
}

function Truth({ item, answer, change }: QuestionProps): JSX.Element {
  const given = answer?.value.case === "truth" ? answer.value.value : undefined;
  return (
    <>
      {[true, false].map((truth) => (
        <label key={String(truth)} class="choice">
          <input
            type="radio"
            name={item.itemId}
            value={String(truth)}
            checked={given === truth}
            onChange={() => change(create(AnswerSchema, { value: { case: "truth", value: truth } }))}
          />
          {truth ? "True" : "False"}
        </label>
      ))}
    </>
  );
}

function NumberField({ item, unit, answer, change }: QuestionProps & { unit: string }): JSX.Element {
  const given = answer?.value.case === "number" ? String(answer.value.value) : "";
  const [text, setText] = useState(given);
  const parsed = Number(text.trim().replace(",", "."));
  const wrong = text.trim() !== "" && !Number.isFinite(parsed);
  const type = (typed: string): void => {
    setText(typed);
    const number = Number(typed.trim().replace(",", "."));
    if (typed.trim() === "") change(create(AnswerSchema, {}));
    else if (Number.isFinite(number)) change(create(AnswerSchema, { value: { case: "number", value: number } }));
  };
  return (
    <label class="choice">
      <span class="visually-hidden">Your answer</span>
      <input
        inputMode="decimal"
        name={item.itemId}
        value={text}
        aria-invalid={wrong}
        onInput={(event) => type(event.currentTarget.value)}
      />{" "}
      {unit}
      {wrong && <span class="problem-text">This is not a number, so it is not saved.</span>}
    </label>
  );
}

// The exam room: the questions of a running attempt. Each change is saved at once and kept on this device until it is acknowledged.
import type { JSX } from "preact";
import { useEffect, useMemo } from "preact/hooks";
import type { Problem } from "../../calls";
import type { Attempt } from "../../gen/proctorium/assessment/v1/attempts_pb";
import { me, unconfirmed } from "../../me";
import { ProblemNote, Title } from "../../parts";
import { SignedInAs } from "../../sign-out";
import { AnswerSheet } from "./answer-sheet";
import { type Answers, answersOf } from "./answers";
import { Clock, type Shown, useSteadyClock } from "./clock";
import { storeOffline } from "./offline";
import { Question } from "./question";
import { Away, Saved, SaveMark } from "./save-state";
import { Submit } from "./submit";

interface ExamRoomProps {
  /** As it was when it was opened, with questions and answers. */
  attempt: Attempt;
  shown: Shown;
  connected: boolean;
  /** Why the stream of the attempt will not be reopened. */
  problem: Problem | undefined;
  reopen: () => void;
}

export function ExamRoom({ attempt, shown, connected, problem, reopen }: ExamRoomProps): JSX.Element {
  const now = useSteadyClock(reopen);
  const { answers, sheet } = useAnswers(attempt);
  const overview = attempt.items.map(({ itemId }, index) => ({ number: index + 1, answered: sheet.isAnswered(itemId), wrong: sheet.isUnsavable(itemId) }));
  const open = overview.filter(({ answered }) => !answered);
  const wrong = overview.filter((one) => one.wrong).map(({ number }) => number);
  return (
    <>
      <div class="exam-bar">
        <Title focused>{attempt.title}</Title>
        <Clock shown={shown} now={now} />
        <SaveMark answers={answers} unsavable={wrong.length} />
      </div>
      <SignedInAs />
      <ProblemNote problem={problem} />
      <Away answers={answers} connected={connected || problem !== undefined} shown={shown} now={now} />
      <nav class="overview" aria-label="Questions">
        {overview.map(({ number, answered }) => (
          <QuestionLink key={number} number={number} answered={answered} />
        ))}
      </nav>
      <ol class="questions">
        {attempt.items.map((item, index) => (
          <li key={item.itemId} id={`question-${index + 1}`} tabIndex={-1} class="card">
            <Question item={item} number={index + 1} of={attempt.items.length} sheet={sheet} />
            {answers.overruled.value.has(item.itemId) && (
              <p class="note" role="status">
                You gave a newer answer to this question on another device or in another tab. That one counts, and it is shown here.
              </p>
            )}
            {!sheet.isUnsavable(item.itemId) && <Saved answers={answers} itemId={item.itemId} answered={sheet.isAnswered(item.itemId)} />}
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

/** The attempt's answers and what stands in its fields, which newer answers from elsewhere replace. */
function useAnswers(attempt: Attempt): { answers: Answers; sheet: AnswerSheet } {
  const made = useMemo(() => {
    const answers = answersOf(attempt.attemptId, attempt.lastSequence);
    return { attempt, answers, sheet: new AnswerSheet(attempt, answers) };
  }, [attempt.attemptId]);
  useEffect(() => made.answers.overruled.subscribe((newer) => made.sheet.adopt(newer.values())), [made]);
  // Loaded again, the attempt may hold answers from elsewhere that are newer than those that stand here.
  useEffect(() => {
    if (made.attempt === attempt) made.answers.shows(attempt);
    else void made.answers.lookElsewhere();
  }, [made, attempt]);
  useLookElsewhere(made.answers);
  useStoredOffline(attempt, made.answers);
  return made;
}

/** Not on each keystroke: a text is typed in a second. */
const STORING_PAUSE_MS = 300;

/** Have the attempt stored while it runs, with what the server has of it, so that a reload without a connection shows it again. */
function useStoredOffline(attempt: Attempt, answers: Answers): void {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const store = (): void => {
      const person = me.peek();
      if (person && !unconfirmed.peek()) void storeOffline(person, answers.within(attempt));
    };
    const stop = answers.state.subscribe((state) => {
      clearTimeout(timer);
      if (state === "saved") timer = setTimeout(store, STORING_PAUSE_MS);
    });
    return () => {
      clearTimeout(timer);
      stop();
    };
  }, [attempt, answers]);
}

/** Shows what another device has answered as soon as somebody looks at this page again. */
function useLookElsewhere(answers: Answers): void {
  useEffect(() => {
    const look = (): void => {
      if (document.visibilityState === "visible") void answers.lookElsewhere();
    };
    document.addEventListener("visibilitychange", look);
    addEventListener("focus", look);
    return () => {
      document.removeEventListener("visibilitychange", look);
      removeEventListener("focus", look);
    };
  }, [answers]);
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

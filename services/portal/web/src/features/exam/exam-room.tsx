// The exam room: the questions of a running attempt. Each changed answer is sent immediately, and is stored on this
// device until the server has acknowledged it.
import type { JSX } from "preact";
import { Badge } from "../../components/badge";
import { Loading } from "../../components/loading";
import { PageTitle } from "../../components/page-title";
import { ProblemNote } from "../../components/problem-note";
import type { Attempt } from "../../gen/proctorium/assessment/v1/attempts_pb";
import { messages } from "../../messages";
import { SignedInAs } from "../account/sign-out";
import { OutageNote } from "../disconnects/outage-note";
import type { AnswerSaver } from "./answer-saver";
import type { AnswerSheet } from "./answer-sheet";
import { Clock, isStanding, useSteadyClock } from "./clock";
import { ConnectionNote } from "./connection-note";
import { OlderNote } from "./older-note";
import { hasQuestions } from "./pause";
import { ExtraTimeNote, PauseNote } from "./pause-note";
import { Question } from "./question";
import { QuestionOverview, questionId, UnansweredQuestions } from "./question-links";
import type { RunningAttemptProps } from "./running-attempt";
import { QuestionSaveStatus, SaveStatusBadge } from "./save-status";
import { SubmitForm } from "./submit-form";
import { useAnswers } from "./use-answers";
import { useWriter } from "./use-writer";

const text = messages.exam;

interface ExamRoomProps extends RunningAttemptProps {
  /** The attempt with the answers that it had when it was loaded. It has no questions while they are hidden. */
  attempt: Attempt;
}

export function ExamRoom(props: ExamRoomProps): JSX.Element {
  const { attempt, shown, pause, ownBreak, breakScreen, participant, connected, problem, reopen } = props;
  const now = useSteadyClock(reopen);
  const { saver, sheet } = useAnswers(attempt);
  const writer = useWriter(saver, shown.attempt, connected);
  const isReadOnly = writer.isOlder || writer.isEntering;
  const questions = attempt.items.map(({ itemId }, index) => ({
    number: index + 1,
    answered: sheet.isAnswered(itemId),
    unsavable: sheet.isUnsavable(itemId),
  }));
  const unsavable = questions.filter((question) => question.unsavable).map(({ number }) => number);
  return (
    <>
      <div class="exam-bar">
        <PageTitle focused>
          <bdi>{attempt.title}</bdi>
        </PageTitle>
        <Clock shown={shown} pause={pause} ownBreak={ownBreak} now={now} />
        {isStanding(shown, now.value, pause, ownBreak) && <Badge tone="wait">{text.clockStands}</Badge>}
        <SaveStatusBadge saver={saver} unsavable={unsavable.length} />
      </div>
      <SignedInAs />
      <ProblemNote problem={problem} />
      <ConnectionNote
        saver={saver}
        connected={connected || problem !== undefined}
        readOnly={isReadOnly}
        shown={shown}
        pause={pause}
        ownBreak={ownBreak}
        now={now}
      />
      <ExtraTimeNote participant={participant} />
      {writer.isOlder && <OlderNote {...writer} />}
      <OutageNote participant={participant} attempt={shown.attempt} />
      {pause && !pause.isRemoved && (
        <PauseNote pause={pause} hint={pause.showsQuestions ? text.pauseHintVisible : text.pauseHint} />
      )}
      {breakScreen}
      {ownBreak?.isOver && !pause && (
        <p class="note" role="status">
          {messages.breaks.continueSoon}
        </p>
      )}
      {(!pause || pause.showsQuestions) && !ownBreak && (
        <Questions
          attempt={attempt}
          saver={saver}
          sheet={sheet}
          questions={questions}
          disabled={isReadOnly || (pause !== undefined && !pause.isOver)}
        />
      )}
      {!pause?.isRemoved && !writer.isOlder && (
        <SubmitForm
          attempt={attempt}
          saver={saver}
          unanswered={attempt.itemCount - sheet.answeredCount}
          unsavable={unsavable}
        />
      )}
    </>
  );
}

interface QuestionsProps {
  attempt: Attempt;
  saver: AnswerSaver;
  sheet: AnswerSheet;
  questions: { number: number; answered: boolean; unsavable: boolean }[];
  disabled: boolean;
}

function Questions({ attempt, saver, sheet, questions, disabled }: QuestionsProps): JSX.Element {
  if (!hasQuestions(attempt)) return <Loading what={text.yourQuestions} />;
  return (
    <>
      <QuestionOverview questions={questions} />
      <ol class="questions">
        {attempt.items.map((item, index) => (
          <li key={item.itemId} id={questionId(index + 1)} tabIndex={-1} class="card">
            <Question item={item} number={index + 1} of={attempt.items.length} sheet={sheet} disabled={disabled} />
            {saver.superseded.value.has(item.itemId) && (
              <p class="note" role="status">
                {text.superseded}
              </p>
            )}
            {!sheet.isUnsavable(item.itemId) && (
              <QuestionSaveStatus saver={saver} itemId={item.itemId} answered={sheet.isAnswered(item.itemId)} />
            )}
          </li>
        ))}
      </ol>
      <UnansweredQuestions questions={questions} />
    </>
  );
}

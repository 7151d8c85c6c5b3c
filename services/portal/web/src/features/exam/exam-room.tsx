// The exam room: the questions of a running attempt. Each changed answer is sent immediately, and is stored on this
// device until the server has acknowledged it.
import type { JSX } from "preact";
import type { Problem } from "../../api/errors";
import { PageTitle } from "../../components/page-title";
import { ProblemNote } from "../../components/problem-note";
import type { Attempt } from "../../gen/proctorium/assessment/v1/attempts_pb";
import { messages } from "../../messages";
import { SignedInAs } from "../account/sign-out";
import { type AttemptSnapshot, Clock, useSteadyClock } from "./clock";
import { ConnectionNote } from "./connection-note";
import { Question } from "./question";
import { QuestionOverview, questionId, UnansweredQuestions } from "./question-links";
import { QuestionSaveStatus, SaveStatusBadge } from "./save-status";
import { SubmitForm } from "./submit-form";
import { useAnswers } from "./use-answers";

interface ExamRoomProps {
  /** The attempt as it was when the room was opened, with questions and answers. */
  attempt: Attempt;
  shown: AttemptSnapshot;
  connected: boolean;
  /** The error after which the stream of the attempt is not reopened. */
  problem: Problem | undefined;
  reopen: () => void;
}

export function ExamRoom({ attempt, shown, connected, problem, reopen }: ExamRoomProps): JSX.Element {
  const now = useSteadyClock(reopen);
  const { saver, sheet } = useAnswers(attempt);
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
        <Clock shown={shown} now={now} />
        <SaveStatusBadge saver={saver} unsavable={unsavable.length} />
      </div>
      <SignedInAs />
      <ProblemNote problem={problem} />
      <ConnectionNote saver={saver} connected={connected || problem !== undefined} shown={shown} now={now} />
      <QuestionOverview questions={questions} />
      <ol class="questions">
        {attempt.items.map((item, index) => (
          <li key={item.itemId} id={questionId(index + 1)} tabIndex={-1} class="card">
            <Question item={item} number={index + 1} of={attempt.items.length} sheet={sheet} />
            {saver.superseded.value.has(item.itemId) && (
              <p class="note" role="status">
                {messages.exam.superseded}
              </p>
            )}
            {!sheet.isUnsavable(item.itemId) && (
              <QuestionSaveStatus saver={saver} itemId={item.itemId} answered={sheet.isAnswered(item.itemId)} />
            )}
          </li>
        ))}
      </ol>
      <UnansweredQuestions questions={questions} />
      <SubmitForm
        attempt={attempt}
        saver={saver}
        unanswered={questions.filter(({ answered }) => !answered).length}
        unsavable={unsavable}
      />
    </>
  );
}

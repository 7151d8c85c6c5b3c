// Links to the questions in the exam room. The links at the top lead to all questions, and the links at the end lead to
// the unanswered questions.
import type { JSX } from "preact";
import { messages } from "../../messages";

const text = messages.exam;

export interface QuestionState {
  number: number;
  answered: boolean;
}

export function QuestionOverview({ questions }: { questions: readonly QuestionState[] }): JSX.Element {
  return (
    <nav class="overview" aria-label={text.questions}>
      {questions.map((question) => (
        <QuestionLink key={question.number} {...question} />
      ))}
    </nav>
  );
}

export function UnansweredQuestions({ questions }: { questions: readonly QuestionState[] }): JSX.Element {
  const unanswered = questions.filter(({ answered }) => !answered);
  if (unanswered.length === 0) return <p>{text.allAnswered}</p>;
  return (
    <div class="row open">
      <span>{text.unanswered}</span>
      {unanswered.map((question) => (
        <QuestionLink key={question.number} {...question} />
      ))}
    </div>
  );
}

/** A link that moves the keyboard focus to a question. */
function QuestionLink({ number, answered }: QuestionState): JSX.Element {
  const follow = (event: MouseEvent): void => {
    event.preventDefault();
    document.getElementById(questionId(number))?.focus();
  };
  return (
    <a
      href={`#${questionId(number)}`}
      class={answered ? "number answered" : "number"}
      aria-label={text.questionLink(number, answered)}
      onClick={follow}
    >
      {number}
      {answered && <span aria-hidden="true"> ✓</span>}
    </a>
  );
}

/** Return the ID of a question's element. */
export function questionId(number: number): string {
  return `question-${number}`;
}

// Shows whether answers are saved, for one question and for all questions.
import type { JSX } from "preact";
import { Badge } from "../../components/badge";
import { ProblemNote } from "../../components/problem-note";
import { messages } from "../../messages";
import type { AnswerSaver, SaveStatus } from "./answer-saver";

const text = messages.exam;

const PENDING: Readonly<Record<SaveStatus, string>> = {
  saving: messages.exam.saving,
  saved: messages.exam.saving,
  offline: messages.exam.storedOnDevice,
  refused: messages.exam.notSaved,
};

interface QuestionSaveStatusProps {
  saver: AnswerSaver;
  itemId: string;
  answered: boolean;
}

/** Shows whether the server has saved the answer to one question. */
export function QuestionSaveStatus({ saver, itemId, answered }: QuestionSaveStatusProps): JSX.Element {
  const isPending = saver.pendingItems.value.has(itemId);
  const shown = isPending ? PENDING[saver.status.value] : answered ? text.saved : text.notAnswered;
  return <p class={isPending ? "saved waiting" : "saved"}>{shown}</p>;
}

/** Shows whether the server has saved all answers. `unsavable` is the number of answers that are not valid. */
export function SaveStatusBadge({ saver, unsavable }: { saver: AnswerSaver; unsavable: number }): JSX.Element {
  const saved = saver.status.value === "saved";
  return (
    <>
      {unsavable > 0 && <Badge tone="bad">{text.cannotBeSaved(unsavable)}</Badge>}
      {!(saved && unsavable > 0) && <Progress saver={saver} />}
    </>
  );
}

function Progress({ saver }: { saver: AnswerSaver }): JSX.Element {
  switch (saver.status.value) {
    case "refused":
      return <ProblemNote problem={saver.problem.value} />;
    case "offline":
      return <Badge tone="bad">{text.offline(saver.pendingItems.value.size)}</Badge>;
    case "saving":
      return <Badge tone="wait">{text.saving}</Badge>;
    default:
      return <Badge tone="good">{text.allSaved}</Badge>;
  }
}

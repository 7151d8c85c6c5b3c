// Whether answers are saved: for one question, and for all.
import type { JSX } from "preact";
import { Badge } from "../../components/badge";
import { ProblemNote } from "../../components/problem-note";
import { counted } from "../../messages/format";
import type { AnswerSaver, SaveStatus } from "./answer-saver";

const PENDING: Readonly<Record<SaveStatus, string>> = {
  saving: "Saving…",
  saved: "Saving…",
  offline: "Kept on this device, not sent yet",
  refused: "Not saved",
};

interface QuestionSaveStatusProps {
  saver: AnswerSaver;
  itemId: string;
  answered: boolean;
}

/** Whether the server has the answer to one question. */
export function QuestionSaveStatus({ saver, itemId, answered }: QuestionSaveStatusProps): JSX.Element {
  const isPending = saver.pendingItems.value.has(itemId);
  const text = isPending ? PENDING[saver.status.value] : answered ? "Saved" : "Not answered yet";
  return <p class={isPending ? "saved waiting" : "saved"}>{text}</p>;
}

/** Whether the server has all answers; `unsavable` of them are not valid. */
export function SaveStatusBadge({ saver, unsavable }: { saver: AnswerSaver; unsavable: number }): JSX.Element {
  const saved = saver.status.value === "saved";
  return (
    <>
      {unsavable > 0 && <Badge tone="bad">{counted(unsavable, "answer")} cannot be saved</Badge>}
      {!(saved && unsavable > 0) && <Progress saver={saver} />}
    </>
  );
}

function Progress({ saver }: { saver: AnswerSaver }): JSX.Element {
  switch (saver.status.value) {
    case "refused":
      return <ProblemNote problem={saver.problem.value} />;
    case "offline":
      return <Badge tone="bad">Offline: {counted(saver.pendingItems.value.size, "answer")} kept on this device</Badge>;
    case "saving":
      return <Badge tone="wait">Saving…</Badge>;
    default:
      return <Badge tone="good">All answers saved</Badge>;
  }
}

// Whether answers are saved: for one question, for all, and what that means while the connection is away.
import type { JSX } from "preact";
import { Badge, ProblemNote } from "../../parts";
import { counted } from "../../words";
import type { Answers } from "./answers";
import { type ClockProps, secondsLeft } from "./clock";

/** Whether the server has the answer to one question. */
export function Saved({ answers, itemId, answered }: { answers: Answers; itemId: string; answered: boolean }): JSX.Element {
  const unsent = answers.unsent.value.has(itemId);
  const words = { saving: "Saving…", saved: "Saving…", offline: "Kept on this device, not sent yet", refused: "Not saved" };
  const text = unsent ? words[answers.state.value] : answered ? "Saved" : "Not answered yet";
  return <p class={unsent ? "saved waiting" : "saved"}>{text}</p>;
}

export function SaveMark({ answers, unsavable }: { answers: Answers; unsavable: number }): JSX.Element {
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
export function Away({ answers, connected, shown, now }: AwayProps): JSX.Element {
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

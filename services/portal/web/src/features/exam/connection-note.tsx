// The note while the connection is lost: no answer is lost, and the time continues or is over.
import type { JSX } from "preact";
import { messages } from "../../messages";
import type { AnswerSaver } from "./answer-saver";
import { type ClockProps, secondsLeft } from "./clock";

const text = messages.exam;

interface ConnectionNoteProps extends ClockProps {
  saver: AnswerSaver;
  connected: boolean;
}

export function ConnectionNote({ saver, connected, shown, now }: ConnectionNoteProps): JSX.Element {
  const isOffline = saver.status.value === "offline" || !connected;
  const isTimeOver = secondsLeft(shown, now.value) === 0;
  return (
    <div role="status">
      {isOffline && !saver.hasUnstoredChanges.value && (
        <p class="note">{isTimeOver ? text.connectionLostTimeOver : text.connectionLost}</p>
      )}
      {saver.pendingItems.value.size > 0 && saver.hasUnstoredChanges.value && (
        <p class="note problem">{text.cannotStore}</p>
      )}
    </div>
  );
}

// What a learner needs to know while the connection is lost: that no answer is lost, and that the time continues or is over.
import type { JSX } from "preact";
import type { AnswerSaver } from "./answer-saver";
import { type ClockProps, secondsLeft } from "./clock";

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
        <p class="note">
          {isTimeOver
            ? "Your time is over. What is on this device is sent when the connection is back; what you change now arrives late."
            : "The connection is away. Go on answering: your answers are kept on this device and sent by themselves when it is back. Your time goes on. If it lasts, tell your proctor."}
        </p>
      )}
      {saver.pendingItems.value.size > 0 && saver.hasUnstoredChanges.value && (
        <p class="note problem">
          Keep this page open until all answers are saved: this browser does not let us keep them on this device.
        </p>
      )}
    </div>
  );
}

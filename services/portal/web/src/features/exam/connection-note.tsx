// The note that is shown while the connection is lost. The note says that the answers are stored on this device, and
// whether the time continues, is stopped or is over. If the browser cannot store some answers, a different note says
// so.
import type { JSX } from "preact";
import { messages } from "../../messages";
import type { AnswerSaver } from "./answer-saver";
import { type ClockProps, secondsLeft } from "./clock";

const text = messages.exam;

interface ConnectionNoteProps extends ClockProps {
  saver: AnswerSaver;
  connected: boolean;
  /** Whether the page accepts no answers, because it is not the writer of the attempt. */
  readOnly: boolean;
}

/** Return the note about a lost connection. During a pause, the page cannot know whether the proctor has resumed. */
export function connectionLost(isTimeOver: boolean, isPaused: boolean, isReadOnly: boolean): string {
  if (isReadOnly) return text.connectionLostReadOnly;
  if (isPaused) return text.connectionLostPaused;
  return isTimeOver ? text.connectionLostTimeOver : text.connectionLost;
}

export function ConnectionNote(props: ConnectionNoteProps): JSX.Element {
  const { saver, connected, readOnly, shown, pause, ownBreak, now } = props;
  const isOffline = saver.status.value === "offline" || !connected;
  const isTimeOver = secondsLeft(shown, now.value, pause?.since ?? ownBreak?.stoppedAt) === 0;
  return (
    <div role="status">
      {isOffline && !saver.hasUnstoredChanges.value && (
        <p class="note">{connectionLost(isTimeOver, pause !== undefined, readOnly)}</p>
      )}
      {saver.pendingItems.value.size > 0 && saver.hasUnstoredChanges.value && (
        <p class="note problem">{text.cannotStore}</p>
      )}
    </div>
  );
}

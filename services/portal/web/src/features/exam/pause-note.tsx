// What a learner reads while the proctor has paused them, and when the proctor grants extra time.
import type { JSX } from "preact";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import { messages } from "../../messages";
import type { AttemptPause } from "./pause";

const text = messages.exam;

/** The note about a pause. `hint` says what the pause means for the page. */
export function PauseNote({ pause, hint }: { pause: AttemptPause; hint: string }): JSX.Element {
  const { returnRequest } = pause;
  const denial = returnRequest?.denialReason ?? "";
  return (
    <section class="note" role="alert">
      <h2>{returnRequest ? messages.disconnects.returnTitle : text.paused}</h2>
      {returnRequest && denial === "" && <p>{messages.disconnects.returnWaits}</p>}
      {denial !== "" && (
        <p class="text" dir="auto">
          {messages.disconnects.returnDenied(denial)}
        </p>
      )}
      {pause.reasons.map((reason) => (
        <p key={reason} class="text" dir="auto">
          {text.pauseReason(reason)}
        </p>
      ))}
      <p>{pause.isOver ? text.resumesSoon : hint}</p>
    </section>
  );
}

/** The extra time of the learner, with the reason of its last change. Screen readers read each change. */
export function ExtraTimeNote({ participant }: { participant: Participant | undefined }): JSX.Element {
  const reason = participant?.extraTimeReason ?? "";
  const seconds = Number(participant?.extraTime?.seconds ?? 0);
  return (
    <div role="status">
      {reason !== "" && (
        <p class="note text" dir="auto">
          {seconds > 0 ? text.extraTime(seconds, reason) : text.extraTimeTakenBack(reason)}
        </p>
      )}
    </div>
  );
}

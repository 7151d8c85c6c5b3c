// The countdown of a closing session.
import type { JSX } from "preact";
import { useServerNow } from "../../api/use-server-now";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { clockText } from "../exam/clock";
import { secondsToEnd } from "./end-times";

const text = messages.closing;

/**
 * The countdown of a closing session. `hint` says what the end means for the reader. Screen readers announce the note
 * when the session starts to close, but not every second.
 */
export function ClosingNote({ session, hint }: { session: Session; hint: string }): JSX.Element {
  return (
    <div role="status">
      {session.closing && (
        <div class="note">
          <p>
            <strong>{text.closing}</strong> <Countdown session={session} />
          </p>
          <p>{hint}</p>
        </div>
      )}
    </div>
  );
}

function Countdown({ session }: { session: Session }): JSX.Element {
  const left = secondsToEnd(session, useServerNow()) ?? 0;
  return (
    <span class={left < 10 ? "clock late" : "clock"} role="timer" aria-label={text.timeToEnd} translate={false}>
      {clockText(left)}
    </span>
  );
}

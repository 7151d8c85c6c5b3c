// What proctors read about the end of a session: the countdown, the warnings about the planned end, and the alarm.
import type { JSX } from "preact";
import { useServerNow } from "../../api/use-server-now";
import { type Session, SessionState } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { ClosingNote } from "./closing-note";
import { endWarning, plannedEnd } from "./end-times";

const text = messages.closing;

export function EndWarnings({ session }: { session: Session }): JSX.Element {
  return (
    <>
      <ClosingNote session={session} hint={session.closing?.closedBy ? text.proctorHint : text.automaticHint} />
      {session.overdueTime && (
        <p class="note problem" role="alert">
          {text.overdue}
        </p>
      )}
      <PlannedEndWarning session={session} />
    </>
  );
}

function PlannedEndWarning({ session }: { session: Session }): JSX.Element {
  const now = useServerNow();
  const planned = plannedEnd(session);
  const isRunning = session.state === SessionState.IN_PROGRESS && planned !== undefined;
  const warning = isRunning ? endWarning(planned, now) : "";
  return <div role="status">{warning !== "" && <p class="note">{warning}</p>}</div>;
}

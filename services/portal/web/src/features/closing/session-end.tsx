// The time at which a session is expected to end.
import type { JSX } from "preact";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { timeOfDay } from "../../messages/format";
import { isOver } from "../sessions/sessions";
import { expectedEnd, plannedEnd } from "./end-times";

const text = messages.closing;

/** The planned end of a session and, if it is later, the end that is expected from the deadlines of the attempts. */
export function SessionEnd({ session }: { session: Session }): JSX.Element | null {
  const planned = plannedEnd(session);
  const expected = expectedEnd(session);
  if (planned === undefined || expected === undefined || isOver(session)) return null;
  return (
    <span>
      {expected > planned
        ? text.expectedEnd(timeOfDay(expected), timeOfDay(planned))
        : text.plannedEnd(timeOfDay(planned))}
    </span>
  );
}

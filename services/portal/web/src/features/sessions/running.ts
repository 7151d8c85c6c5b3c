// The states of a running session.
import { type Session, SessionState } from "../../gen/proctorium/session/v1/sessions_pb";

/** Return whether a session was started and has not ended. */
export function isRunning({ state }: Pick<Session, "state">): boolean {
  return state === SessionState.IN_PROGRESS || state === SessionState.CLOSING;
}

// The sessions that the signed-in person supervises.
import { sessions } from "../../api/client";
import { listAll } from "../../api/pagination";
import { type Session, SessionState } from "../../gen/proctorium/session/v1/sessions_pb";

const OVER: readonly SessionState[] = [SessionState.ENDED, SessionState.CANCELLED];
const PAGE_SIZE = 200;

/** Return whether a session has ended or was cancelled. */
export function isOver({ state }: Session): boolean {
  return OVER.includes(state);
}

/** List all sessions, sorted by start time. All pages are loaded, because the newest sessions are on the last page. */
export function listAllSessions(): Promise<Session[]> {
  return listAll(
    (pageToken) => sessions.listSessions({ pageSize: PAGE_SIZE, pageToken }),
    (page) => page.sessions,
  );
}

// Whether a session that has ended can be reopened, and whether it is final.
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { AssessmentProgressState, type Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import { type Session, SessionState } from "../../gen/proctorium/session/v1/sessions_pb";

/** Return whether the session can be reopened at the time `now`. Administrators can reopen it for longer. */
export function isReopenable(
  session: Session,
  participants: readonly Participant[],
  now: number,
  asAdministrator: boolean,
): boolean {
  if (session.state !== SessionState.ENDED) return false;
  if (!asAdministrator) return session.reopenEndTime !== undefined && now < timestampMs(session.reopenEndTime);
  return !participants.some(({ assessments }) =>
    assessments.some(({ state }) => state === AssessmentProgressState.RELEASED),
  );
}

/** Return whether proctors can no longer reopen the session at the time `now`. Results exist only from then on. */
export function isFinal({ state, reopenEndTime }: Session, now: number): boolean {
  return state === SessionState.ENDED && (reopenEndTime === undefined || now >= timestampMs(reopenEndTime));
}

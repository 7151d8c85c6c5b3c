// Late entry to a session.
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { LateEntry, type Session, SessionState } from "../../gen/proctorium/session/v1/sessions_pb";

/** Return the time in seconds after the start in which learners can still join; 0 if late entry is not allowed. */
export function lateEntrySeconds({ plan }: Session): number {
  return plan?.lateEntry === LateEntry.UNTIL ? Number(plan.lateEntryLimit?.seconds ?? 0) : 0;
}

/** Return whether learners who join after the start need the approval of a proctor. */
export function needsApproval({ plan }: Session): boolean {
  return plan?.lateEntry === LateEntry.APPROVAL;
}

/** Return whether the session has started and no further learner can join. */
export function isClosedToNewcomers(session: Session, now: number): boolean {
  const { state, actualStartTime } = session;
  if (state === SessionState.CLOSING) return true;
  return (
    state === SessionState.IN_PROGRESS &&
    !needsApproval(session) &&
    actualStartTime !== undefined &&
    now > timestampMs(actualStartTime) + 1000 * lateEntrySeconds(session)
  );
}

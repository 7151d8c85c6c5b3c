// The proctors of a session: who leads the session, who counts as present, and to whom the session can be handed over.

import type { Person } from "../../gen/proctorium/enrollment/v1/people_pb";
import { type Session, SessionState } from "../../gen/proctorium/session/v1/sessions_pb";
import type { UncoveredSession } from "../../gen/proctorium/session/v1/supervision_pb";
import { isRunning } from "../sessions/running";

/** Return the ID of the lead proctor. */
export function leadOf({ plan }: Session): string {
  return plan?.proctorIds[0] ?? "";
}

/** Return whether the person leads the uncovered session. The lead proctor opens the session, and does not take it. */
export function isLedBy({ leadProctorId }: Pick<UncoveredSession, "leadProctorId">, personId: string): boolean {
  return personId !== "" && leadProctorId === personId;
}

/** Return whether the presence of the proctors counts: from the opening of the lobby to the end of the session. */
export function isObserved(session: Session): boolean {
  return session.state === SessionState.LOBBY_OPEN || isRunning(session);
}

/**
 * Return the IDs of the people to whom a session can be handed over: its other proctors, and the certified proctors in
 * `certified`, which only administrators can list.
 */
export function successors(session: Session, certified: readonly Pick<Person, "personId">[]): string[] {
  const others = [...(session.plan?.proctorIds ?? []).slice(1), ...certified.map(({ personId }) => personId)];
  const learners = new Set(session.plan?.learnerIds);
  return [...new Set(others)].filter((personId) => personId !== leadOf(session) && !learners.has(personId));
}

// Determines what the signed-in person may do in a session. Pages hide buttons for actions that the services would
// refuse.
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";
import { hasRole, me, Role } from "../account/current-user";
import { isCertified } from "../people/people";

/** Return whether the person is a proctor of the session. */
function isProctorOf({ plan }: Session): boolean {
  return hasRole(Role.PROCTOR) && (plan?.proctorIds.includes(me.value?.personId ?? "") ?? false);
}

/** Return whether the person takes part in the session as a learner, or is invited to it. */
export function takesPart({ plan }: Session, participants: readonly Participant[]): boolean {
  const own = me.value?.personId ?? "";
  return participants.some(({ personId }) => personId === own) || (plan?.learnerIds.includes(own) ?? false);
}

/**
 * Return whether the person may act in the session: as a proctor of the session, or as an administrator who does not
 * take part in the session.
 */
export function maySupervise(session: Session, participants: readonly Participant[]): boolean {
  return isProctorOf(session) || (hasRole(Role.ADMINISTRATOR) && !takesPart(session, participants));
}

/** Return whether the person's actions in the session are recorded as an administrator's. */
export function actsAsAdministrator(session: Session): boolean {
  return hasRole(Role.ADMINISTRATOR) && !(isProctorOf(session) && me.value && isCertified(me.value));
}

/**
 * Return whether the person is neither an administrator nor certified. Such a person cannot start a session or view
 * photos.
 */
export function isLapsed(): boolean {
  return me.value ? !hasRole(Role.ADMINISTRATOR) && !isCertified(me.value) : false;
}

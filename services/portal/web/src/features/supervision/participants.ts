// Facts about the participants of a session.
import { timestampMs } from "@bufbuild/protobuf/wkt";
import {
  type AssessmentProgress,
  AssessmentProgressState,
  IdentityState,
  type Participant,
  ParticipantState,
} from "../../gen/proctorium/session/v1/lobby_pb";
import { IdentityPolicy, type Session } from "../../gen/proctorium/session/v1/sessions_pb";

export function isPresent(participant: Participant): boolean {
  return participant.state === ParticipantState.WAITING || isInSession(participant);
}

/** Return whether the learner joined after the start, or returned from an outage, and waits until a proctor decides. */
export function awaitsApproval(participant: Participant): boolean {
  const { state, returnRequest } = participant;
  const awaitsReturn = returnRequest !== undefined && returnRequest.denialReason === "" && isInSession(participant);
  return state === ParticipantState.AWAITING_APPROVAL || awaitsReturn;
}

/** Return the time, in milliseconds, at which a learner began to wait for approval. */
export function waitsSince({ joinTime, returnRequest }: Participant): number | undefined {
  const time = returnRequest?.requestTime ?? joinTime;
  return time && timestampMs(time);
}

/** Return whether the learner is in the session, even if the learner is paused or on a break. */
export function isInSession({ state }: Participant): boolean {
  return [ParticipantState.IN_SESSION, ParticipantState.PAUSED, ParticipantState.ON_BREAK].includes(state);
}

/** Return whether a participant has submitted everything, so that they can leave. */
export function isFinished({ assessments }: Participant): boolean {
  return assessments.length > 0 && assessments.every(({ state }) => state >= AssessmentProgressState.SUBMITTED);
}

/** Return whether the result of a removed participant waits for an administrator. */
export function isResultHeld({ state }: Participant, assessment: AssessmentProgress): boolean {
  return state === ParticipantState.REMOVED && assessment.state === AssessmentProgressState.SUBMITTED;
}

/**
 * Return whether the proctor can authorise an assessment for a participant now. If the plan of `session` requires no
 * identity check, a check that a proctor requested does not block the authorisation.
 */
export function canBeAuthorised(participant: Participant, assessment: AssessmentProgress, session?: Session): boolean {
  const { identity } = participant;
  const isChecked = identity === IdentityState.NOT_REQUIRED || identity === IdentityState.VERIFIED;
  return (
    assessment.state === AssessmentProgressState.AWAITING_AUTHORIZATION &&
    isInSession(participant) &&
    (isChecked || session?.plan?.identityPolicy === IdentityPolicy.NONE)
  );
}

/** Return the state of the identity check, as far as an assessment depends on it. */
export function blockingIdentity(participant: Participant, session: Session | undefined): IdentityState {
  return session?.plan?.identityPolicy === IdentityPolicy.NONE ? IdentityState.NOT_REQUIRED : participant.identity;
}

/** Return whether a proctor can now authorise an assessment for a participant. */
export function isReadyFor(participant: Participant, assessmentId: string, session: Session): boolean {
  return participant.assessments.some(
    (progress) => progress.assessmentId === assessmentId && canBeAuthorised(participant, progress, session),
  );
}

/** Sort participants by when they first joined; those who never joined come last. */
export function byArrival(one: Participant, other: Participant): number {
  const time = ({ joinTime }: Participant): number => (joinTime ? timestampMs(joinTime) : Number.MAX_SAFE_INTEGER);
  return time(one) - time(other) || one.participantId.localeCompare(other.participantId);
}

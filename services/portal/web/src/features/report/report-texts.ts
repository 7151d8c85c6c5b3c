// The texts of a session report: periods, numbers of interruptions, and attempts.
import type { Duration } from "@bufbuild/protobuf/wkt";
import { SubmitCause } from "../../gen/proctorium/assessment/v1/attempts_pb";
import { AssessmentProgressState } from "../../gen/proctorium/session/v1/lobby_pb";
import type {
  AttemptReport,
  IncidentCounts,
  LeadChange,
  LearnerReport,
  ReportPeriod,
  ReportPerson,
} from "../../gen/proctorium/session/v1/reports_pb";
import { messages } from "../../messages";
import { number, timeWithSeconds, truncatePoints } from "../../messages/format";
import { PARTICIPANT_STATES } from "../supervision/participant-states";

const text = messages.report;

const ATTEMPT_STATES: Readonly<Record<number, string>> = {
  [AssessmentProgressState.AWAITING_AUTHORIZATION]: text.attemptState.notAuthorised,
  [AssessmentProgressState.AUTHORIZED]: text.attemptState.notStarted,
  [AssessmentProgressState.IN_PROGRESS]: text.attemptState.inProgress,
  [AssessmentProgressState.SUBMITTED]: text.attemptState.submitted,
  [AssessmentProgressState.RELEASED]: text.attemptState.released,
  [AssessmentProgressState.VOIDED]: text.attemptState.voided,
};

const CAUSES: Readonly<Record<number, string>> = {
  [SubmitCause.LEARNER]: text.cause.learner,
  [SubmitCause.TIME_LIMIT_EXCEEDED]: text.cause.timeLimit,
  [SubmitCause.SESSION_ENDED]: text.cause.sessionEnded,
  [SubmitCause.REMOVED]: text.cause.removed,
  [SubmitCause.ENDED_BY_PROCTOR]: text.cause.endedByProctor,
};

/** Return the name of a person. Proctors do not receive the names of administrators. */
export function personName(person: ReportPerson | undefined): string {
  return person?.name || text.anAdministrator;
}

/** Return the name of a learner, or the ID of a learner whose name is unknown. */
export function learnerName({ learner }: LearnerReport): string {
  return learner?.name || (learner?.personId ?? "");
}

/** Return a period with the offsets of its times. A period without an end lasts until now. */
export function periodText({ startTime, endTime }: ReportPeriod): string {
  return text.period(timeWithSeconds(startTime), endTime ? timeWithSeconds(endTime) : text.now);
}

/** Return the sentence for a change of the lead proctor. */
export function leadChangeText({ changeTime, newLead, formerLead, taken }: LeadChange): string {
  const sentence = taken ? text.taken : text.handedOver;
  return sentence(timeWithSeconds(changeTime), personName(newLead), personName(formerLead));
}

export function stateText({ state }: LearnerReport): string {
  return PARTICIPANT_STATES[state] ?? messages.supervision.participantState.notJoined;
}

/** Return when the learner joined and was in the session. If the learner was readmitted, also return the removals. */
export function timeTexts({ joinTime, inSession, removals, timeInSession }: LearnerReport): string[] {
  return [
    joinTime && text.joined(timeWithSeconds(joinTime)),
    inSession && text.inSession(periodText(inSession)),
    ...removals.map((removal) => text.removed(periodText(removal))),
    removals.length > 0 && text.timeInSession(secondsOf(timeInSession)),
  ].filter(isText);
}

/**
 * Return the outages, the pauses, the breaks, the changes of answers during them, and the extra time of a learner. What
 * did not happen is omitted.
 */
export function interruptionTexts(learner: LearnerReport): string[] {
  const { outages, admittedReturnCount, deniedReturnCount, pauses, ownPauseCount } = learner;
  const { breaks, breakOverrunCount, changesDuringStops, extraTime } = learner;
  const extra = secondsOf(extraTime);
  return [
    outages?.count && text.outages(outages.count, secondsOf(outages.total)),
    admittedReturnCount && text.admittedReturns(admittedReturnCount),
    deniedReturnCount && text.deniedReturns(deniedReturnCount),
    pauses?.count && text.pauses(pauses.count, secondsOf(pauses.total)),
    ownPauseCount && text.ownPauses(ownPauseCount),
    breaks?.count && text.breaks(breaks.count, secondsOf(breaks.total)),
    breakOverrunCount && text.breakOverruns(breakOverrunCount),
    changesDuringStops && text.changesDuringStops(changesDuringStops),
    extra && text.extraTime(extra),
  ].filter(isText);
}

/** Return the raised hands, the messages and the incidents of a learner. What did not happen is omitted. */
export function contactTexts({ handCount, messageCount, incidents }: LearnerReport): string[] {
  return [
    handCount && text.hands(handCount),
    messageCount && text.messages(messageCount),
    ...incidentTexts(incidents),
  ].filter(isText);
}

/** Return the numbers of incidents, the most severe first. */
export function incidentTexts(counts: IncidentCounts | undefined): string[] {
  return [
    counts?.seriousCount && text.serious(counts.seriousCount),
    counts?.warningCount && text.warnings(counts.warningCount),
    counts?.noteCount && text.notes(counts.noteCount),
  ].filter(isText);
}

/** Return the state, the times, the answers and the result of an attempt. */
export function attemptTexts(attempt: AttemptReport): string[] {
  const { startTime, submitTime, submitCause, result } = attempt;
  return [
    ATTEMPT_STATES[attempt.state],
    startTime && text.period(timeWithSeconds(startTime), submitTime ? timeWithSeconds(submitTime) : text.now),
    CAUSES[submitCause],
    startTime && text.answered(attempt.answeredCount, attempt.itemCount),
    result && text.points(number(truncatePoints(result.points)), number(truncatePoints(result.pointsPossible))),
    result && (result.passed ? text.passed : text.notPassed),
  ].filter(isText);
}

function secondsOf(duration: Duration | undefined): number {
  return Number(duration?.seconds ?? 0);
}

function isText(part: string | number | boolean | undefined): part is string {
  return typeof part === "string" && part !== "";
}

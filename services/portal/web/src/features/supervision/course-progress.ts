// The progress of learners through the course of a session.
import type { CourseProgress, Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import { messages } from "../../messages";

/** Return how many steps of the course are done, in words. */
export function courseProgressText({ finishedUnitCount, unitCount }: CourseProgress): string {
  return messages.courses.stepsDone(finishedUnitCount, unitCount);
}

/**
 * Order learners by the number of steps that they have done. Learners who have not joined are passed as undefined, and
 * come first.
 */
export function byFinishedUnits(one: Participant | undefined, other: Participant | undefined): number {
  return finishedUnits(one) - finishedUnits(other);
}

function finishedUnits(participant: Participant | undefined): number {
  return participant?.courseProgress?.finishedUnitCount ?? -1;
}

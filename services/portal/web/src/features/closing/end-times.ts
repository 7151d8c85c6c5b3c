// The times around the end of a session: the countdown, and the warnings about the planned end.
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";

const text = messages.closing;

/** The minutes before the planned end at which proctors are warned. */
const MINUTES_BEFORE = [2, 10];
/** The minutes between two warnings after the planned end. */
const MINUTES_BETWEEN = 5;
const MINUTE_MS = 60_000;

/** Return the planned end of a session in milliseconds; undefined if the plan is unknown. */
export function plannedEnd({ plan }: Session): number | undefined {
  if (plan?.startTime === undefined) return undefined;
  return timestampMs(plan.startTime) + 1000 * Number(plan.duration?.seconds ?? 0);
}

/** Return the time at which a session is expected to end, in milliseconds; undefined if the time is unknown. */
export function expectedEnd(session: Session): number | undefined {
  return session.expectedEndTime ? timestampMs(session.expectedEndTime) : plannedEnd(session);
}

/** Return the whole seconds until a closing session ends; undefined if the session is not closing. */
export function secondsToEnd({ closing }: Session, now: number): number | undefined {
  if (closing?.endTime === undefined) return undefined;
  return Math.max(0, Math.ceil((timestampMs(closing.endTime) - now) / 1000));
}

/**
 * Return the warning about the planned end at the time `now`; empty if no warning applies. The text changes only when a
 * new warning applies, so that screen readers announce each warning once.
 */
export function endWarning(planned: number, now: number): string {
  const left = (planned - now) / MINUTE_MS;
  if (left > 0) {
    const mark = MINUTES_BEFORE.find((minutes) => left <= minutes);
    return mark === undefined ? "" : text.endsSoon(60 * mark);
  }
  const passed = MINUTES_BETWEEN * Math.floor(-left / MINUTES_BETWEEN);
  return passed === 0 ? text.plannedEndReached : text.plannedEndPassed(60 * passed);
}

// Outages: periods in which no device of a learner in the session is connected.
import { durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";

/** Return the length, in seconds, of the newest outage of a learner; undefined if it has not ended or there is none. */
export function secondsOfOutage(participant: Participant | undefined): number | undefined {
  const { startTime, endTime } = participant?.latestOutage ?? {};
  if (startTime === undefined || endTime === undefined) return undefined;
  return Math.max(1, Math.round((timestampMs(endTime) - timestampMs(startTime)) / 1000));
}

/** Return the start of the outage that has not ended, in milliseconds; undefined if there is none. */
export function openOutageSince({ latestOutage }: Participant): number | undefined {
  if (latestOutage?.startTime === undefined || latestOutage.endTime !== undefined) return undefined;
  return timestampMs(latestOutage.startTime);
}

/** The limit, in seconds, of the time that is given back to an attempt after outages, and the time so far. */
export interface GivenBack {
  limit: number;
  seconds: number;
}

/** Return the time that was given back in each attempt of a learner; undefined if the clocks run in outages. */
export function givenBack(session: Session, participant: Participant): GivenBack[] | undefined {
  const limit = session.plan?.disconnectPolicy?.returnedLimit;
  if (limit === undefined || durationMs(limit) === 0) return undefined;
  return participant.assessments.map(({ returnedTime }) => ({
    limit: durationMs(limit) / 1000,
    seconds: returnedTime ? Math.round(durationMs(returnedTime) / 1000) : 0,
  }));
}

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { AttemptSchema, ClockState } from "../../gen/proctorium/assessment/v1/attempts_pb";
import { BreakSchema, BreakState } from "../../gen/proctorium/session/v1/breaks_pb";
import { ParticipantSchema } from "../../gen/proctorium/session/v1/lobby_pb";
import { SessionSchema } from "../../gen/proctorium/session/v1/sessions_pb";
import { breakOf, queueOf, secondsOfBreak } from "./breaks";

function learner(latestBreak: MessageInitShape<typeof BreakSchema>, participantId = "") {
  return create(ParticipantSchema, { participantId, latestBreak });
}

const STARTED = { state: BreakState.STARTED, startTime: timestampFromMs(5000), length: durationFromMs(60_000) };
const running = create(AttemptSchema, { clockState: ClockState.RUNNING });
const stops = create(SessionSchema, { plan: { breakPolicy: { count: 1, clockStops: true } } });

describe("breakOf", () => {
  test("is known before the attempt reports it, and the clock is stopped from its start", () => {
    expect(breakOf(stops, learner(STARTED), running)).toEqual({ stoppedAt: 5000, isOver: false });
    expect(breakOf(create(SessionSchema), learner(STARTED), running)?.stoppedAt).toBeUndefined();
  });

  test("has no stopped clock of its own when the attempt reports it", () => {
    const hidden = create(AttemptSchema, { clockState: ClockState.RUNNING, questionsHidden: true });
    expect(breakOf(stops, learner(STARTED), hidden)).toEqual({ stoppedAt: undefined, isOver: false });
  });

  test("lasts until the attempt reports the return", () => {
    const stopped = create(AttemptSchema, { clockState: ClockState.STOPPED, questionsHidden: true });
    const returned = learner({ ...STARTED, state: BreakState.RETURNED });
    expect(breakOf(stops, returned, stopped)).toEqual({ stoppedAt: undefined, isOver: true });
    expect(breakOf(stops, returned, running)).toBeUndefined();
    expect(breakOf(undefined, undefined, stopped)).toMatchObject({ isOver: false });
  });

  test("does not exist during a pause alone", () => {
    const paused = create(AttemptSchema, { clockState: ClockState.PAUSED, questionsHidden: true });
    expect(breakOf(stops, create(ParticipantSchema), paused)).toBeUndefined();
  });
});

test("the remaining time of a break becomes negative after its length", () => {
  const taken = create(BreakSchema, STARTED);
  expect([5000, 64_500, 70_000].map((now) => secondsOfBreak(taken, now))).toEqual([60, 1, -5]);
});

test("overruns come first, then requests by their time, then the other open breaks", () => {
  const requested = (ms: number) => ({ requestTime: timestampFromMs(ms) });
  const queue = queueOf([
    learner({ ...STARTED, ...requested(1) }, "on a break"),
    learner({ state: BreakState.REQUESTED, ...requested(3) }, "second"),
    learner({ state: BreakState.RETURNED, ...requested(1) }, "returned"),
    learner({ state: BreakState.REQUESTED, ...requested(2) }, "first"),
    learner({ ...STARTED, ...requested(4), overrunTime: timestampFromMs(9) }, "late"),
  ]);
  expect(queue.map(({ participant }) => participant.participantId)).toEqual(["late", "first", "second", "on a break"]);
});

import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import "../../testing/browser";
import { AttemptSchema, ClockState } from "../../gen/proctorium/assessment/v1/attempts_pb";

const { ClockDrift, clockText, isStanding, secondsLeft } = await import("./clock");

const SERVER_NOW = 1_800_000_000_000;

function shownAt(at: number, leftMs: number | undefined) {
  const deadline = leftMs === undefined ? {} : { deadlineTime: timestampFromMs(SERVER_NOW + leftMs) };
  return { attempt: create(AttemptSchema, { serverTime: timestampFromMs(SERVER_NOW), ...deadline }), at };
}

describe("secondsLeft", () => {
  test("counts from the server's time to the server's deadline", () => {
    expect(secondsLeft(shownAt(5000, 90_000), 5000)).toBe(90);
    expect(secondsLeft(shownAt(5000, 90_000), 35_000)).toBe(60);
  });

  test("is never negative", () => {
    expect(secondsLeft(shownAt(0, 1000), 60_000)).toBe(0);
  });

  test("does not grow when the clock on the page is older than the attempt", () => {
    expect(secondsLeft(shownAt(5000, 90_000), 4000)).toBe(90);
  });

  test("has been stopped since the start of a pause that the attempt does not have yet", () => {
    expect(secondsLeft(shownAt(5000, 90_000), 35_000, SERVER_NOW + 10_000)).toBe(80);
  });

  test("is the remaining time of a paused attempt", () => {
    const paused = { clockState: ClockState.PAUSED, remainingTime: durationFromMs(42_000) };
    const attempt = create(AttemptSchema, { serverTime: timestampFromMs(SERVER_NOW), ...paused });
    expect(secondsLeft({ attempt, at: 0 }, 60_000)).toBe(42);
  });

  test("is stopped during a bounded stop, and then runs again", () => {
    const deadlineTime = timestampFromMs(SERVER_NOW + 90_000);
    const clockResumeTime = timestampFromMs(SERVER_NOW + 20_000);
    const attempt = create(AttemptSchema, {
      serverTime: timestampFromMs(SERVER_NOW),
      clockState: ClockState.STOPPED,
      deadlineTime,
      clockResumeTime,
    });
    const shown = { attempt, at: 0 };
    expect([0, 19_000, 30_000].map((now) => secondsLeft(shown, now))).toEqual([70, 70, 60]);
    expect([0, 19_000, 30_000].map((now) => isStanding(shown, now, undefined, undefined))).toEqual([true, true, false]);
  });

  test("is undefined for an attempt without a time limit", () => {
    expect(secondsLeft(shownAt(0, undefined), 0)).toBeUndefined();
  });
});

test.each([
  [0, "00:00:00"],
  [59, "00:00:59"],
  [60, "00:01:00"],
  [3599, "00:59:59"],
  [3600, "01:00:00"],
  [360_000, "100:00:00"],
])("%d seconds are shown as %s", (seconds, text) => {
  expect(clockText(seconds)).toBe(text);
});

describe("a clock drift", () => {
  test("is none while both clocks run alike", () => {
    const drift = new ClockDrift(1_000_000, 500);
    expect(drift.hasJumped(1_001_000, 1500)).toBe(false);
    expect(drift.hasJumped(1_002_900, 2500)).toBe(false);
  });

  test("is noticed once when the computer has slept", () => {
    const drift = new ClockDrift(1_000_000, 500);
    expect(drift.hasJumped(1_061_000, 1500)).toBe(true);
    expect(drift.hasJumped(1_062_000, 2500)).toBe(false);
  });

  test("is noticed when the computer's clock is set back", () => {
    const drift = new ClockDrift(1_000_000, 500);
    expect(drift.hasJumped(990_000, 1500)).toBe(true);
  });
});

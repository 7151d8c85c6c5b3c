import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { expect, test, vi } from "vitest";
import { SessionSchema } from "../../gen/proctorium/session/v1/sessions_pb";

vi.stubGlobal("navigator", { languages: ["en-GB"] });
const { endWarning, expectedEnd, plannedEnd, secondsToEnd } = await import("./end-times");

const NOON = Date.UTC(2027, 2, 1, 12);
const MINUTE = 60_000;
const plan = { startTime: timestampFromMs(NOON - 60 * MINUTE), duration: durationFromMs(60 * MINUTE) };

test.each([
  [11, ""],
  [10, "Less than 10 minutes until the planned end of the session."],
  [3, "Less than 10 minutes until the planned end of the session."],
  [2, "Less than 2 minutes until the planned end of the session."],
  [0, "The planned end of the session has been reached."],
  [-4, "The planned end of the session has been reached."],
  [-5, "The planned end of the session was more than 5 minutes ago."],
  [-14, "The planned end of the session was more than 10 minutes ago."],
  [-65, "The planned end of the session was more than 1 hour 5 minutes ago."],
])("%d minutes before the planned end proctors read %j", (minutes, warning) => {
  expect(endWarning(NOON, NOON - minutes * MINUTE)).toBe(warning);
});

test("each warning appears once while the time passes", () => {
  const seen: string[] = [];
  for (let second = -900; second <= 900; second++) {
    const warning = endWarning(NOON, NOON + 1000 * second);
    if (warning !== seen.at(-1)) seen.push(warning);
  }
  expect(new Set(seen).size).toBe(seen.length);
  expect(seen).toHaveLength(7);
});

test("the countdown ends at zero", () => {
  const closing = { endTime: timestampFromMs(NOON) };
  const session = create(SessionSchema, { closing });
  expect(secondsToEnd(session, NOON - 59_500)).toBe(60);
  expect(secondsToEnd(session, NOON - 1)).toBe(1);
  expect(secondsToEnd(session, NOON + 5000)).toBe(0);
});

test("a session that is not closing has no countdown", () => {
  expect(secondsToEnd(create(SessionSchema, { plan }), NOON)).toBeUndefined();
});

test("the expected end replaces the planned end", () => {
  const session = create(SessionSchema, { plan });
  expect([plannedEnd(session), expectedEnd(session)]).toEqual([NOON, NOON]);
  const late = create(SessionSchema, { plan, expectedEndTime: timestampFromMs(NOON + MINUTE) });
  expect([plannedEnd(late), expectedEnd(late)]).toEqual([NOON, NOON + MINUTE]);
});

test("a session without a plan has no planned end", () => {
  expect(plannedEnd(create(SessionSchema))).toBeUndefined();
});

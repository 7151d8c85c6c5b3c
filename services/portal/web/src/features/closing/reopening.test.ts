import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { expect, it } from "vitest";
import {
  AssessmentProgressSchema,
  AssessmentProgressState,
  ParticipantSchema,
} from "../../gen/proctorium/session/v1/lobby_pb";
import { SessionSchema, SessionState } from "../../gen/proctorium/session/v1/sessions_pb";
import { isFinal, isReopenable } from "./reopening";

const UNTIL = 1_000_000;
const ended = create(SessionSchema, { state: SessionState.ENDED, reopenEndTime: timestampFromMs(UNTIL) });

function withState(state: AssessmentProgressState) {
  return create(ParticipantSchema, { assessments: [create(AssessmentProgressSchema, { state })] });
}

it("lets proctors reopen a session until the end of the time of its plan", () => {
  expect(isReopenable(ended, [], UNTIL - 1, false)).toBe(true);
  expect(isReopenable(ended, [], UNTIL, false)).toBe(false);
});

it("lets administrators reopen a session while no result is released", () => {
  const final = create(SessionSchema, { state: SessionState.ENDED });
  expect(isReopenable(final, [withState(AssessmentProgressState.SUBMITTED)], UNTIL, true)).toBe(true);
  expect(isReopenable(final, [withState(AssessmentProgressState.RELEASED)], UNTIL, true)).toBe(false);
});

it("reopens only sessions that have ended", () => {
  const running = create(SessionSchema, { state: SessionState.IN_PROGRESS });
  expect(isReopenable(running, [], UNTIL, true)).toBe(false);
});

it("is final when proctors can no longer reopen it", () => {
  expect([UNTIL - 1, UNTIL].map((now) => isFinal(ended, now))).toEqual([false, true]);
  expect(isFinal(create(SessionSchema, { state: SessionState.ENDED }), 0)).toBe(true);
  expect(isFinal(create(SessionSchema, { state: SessionState.CLOSING }), UNTIL)).toBe(false);
});

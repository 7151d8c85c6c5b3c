import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { SessionSchema, SessionState } from "../../gen/proctorium/session/v1/sessions_pb";
import { isLedBy, isObserved, leadOf, successors } from "./coverage";

const session = create(SessionSchema, {
  state: SessionState.IN_PROGRESS,
  plan: { proctorIds: ["ada", "ben"], learnerIds: ["lena"] },
});

test("the first proctor leads the session", () => {
  expect(leadOf(session)).toBe("ada");
  expect(leadOf(create(SessionSchema))).toBe("");
});

test("only the lead proctor leads an uncovered session", () => {
  expect(isLedBy({ leadProctorId: "ada" }, "ada")).toBe(true);
  expect(isLedBy({ leadProctorId: "ada" }, "ben")).toBe(false);
  expect(isLedBy({ leadProctorId: "" }, "")).toBe(false);
});

test("a session is handed over to another proctor who does not take part in it", () => {
  expect(successors(session, [])).toEqual(["ben"]);
  const certified = ["ada", "ben", "cleo", "lena"].map((personId) => ({ personId }));
  expect(successors(session, certified)).toEqual(["ben", "cleo"]);
});

test("presence counts from the lobby to the end", () => {
  const observed = [SessionState.LOBBY_OPEN, SessionState.IN_PROGRESS, SessionState.CLOSING];
  const others = [SessionState.SCHEDULED, SessionState.ENDED, SessionState.CANCELLED];
  expect(observed.map((state) => isObserved(create(SessionSchema, { state })))).toEqual([true, true, true]);
  expect(others.map((state) => isObserved(create(SessionSchema, { state })))).toEqual([false, false, false]);
});

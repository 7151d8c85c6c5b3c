import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { LateEntry, type Session, SessionSchema, SessionState } from "../../gen/proctorium/session/v1/sessions_pb";
import { isClosedToNewcomers, needsApproval } from "./late-entry";

const MINUTE = 60_000;

function started(lateEntry: LateEntry): Session {
  const plan = { lateEntry, lateEntryLimit: { seconds: 600n, nanos: 0 } };
  return create(SessionSchema, { state: SessionState.IN_PROGRESS, actualStartTime: timestampFromMs(0), plan });
}

test.each([
  [LateEntry.CLOSED, 1, true, false],
  [LateEntry.UNTIL, 9, false, false],
  [LateEntry.UNTIL, 11, true, false],
  [LateEntry.APPROVAL, 500, false, true],
])("late entry %i, %i minutes after the start, is closed: %s, needs approval: %s", (rule, after, closed, approval) => {
  expect(isClosedToNewcomers(started(rule), after * MINUTE)).toBe(closed);
  expect(needsApproval(started(rule))).toBe(approval);
});

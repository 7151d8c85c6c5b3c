// Tests whether a removal or an end is final for a learner.
import { create } from "@bufbuild/protobuf";
import { describe, expect, test } from "vitest";
import { type Participant, ParticipantSchema, ParticipantState } from "../../gen/proctorium/session/v1/lobby_pb";
import { type Session, SessionSchema, SessionState } from "../../gen/proctorium/session/v1/sessions_pb";
import { canBeReadmitted, isOverFor } from "./removed";

function session(state: SessionState): Session {
  return create(SessionSchema, { state });
}

function participant(state: ParticipantState, endReason = ""): Participant {
  return create(ParticipantSchema, { state, endReason });
}

describe("a removed learner", () => {
  test.each([
    [SessionState.LOBBY_OPEN, true],
    [SessionState.IN_PROGRESS, true],
    [SessionState.CLOSING, true],
    [SessionState.ENDED, false],
    [SessionState.CANCELLED, false],
  ])("can be readmitted until the session is over (%s)", (state, expected) => {
    const removed = participant(ParticipantState.REMOVED);
    expect(canBeReadmitted(session(state), removed)).toBe(expected);
    expect(isOverFor(session(state), removed)).toBe(!expected);
  });

  test("cannot be readmitted after the session was ended for them", () => {
    const ended = participant(ParticipantState.REMOVED, "Ill");
    expect(canBeReadmitted(session(SessionState.IN_PROGRESS), ended)).toBe(false);
    expect(isOverFor(session(SessionState.IN_PROGRESS), ended)).toBe(true);
  });
});

test.each([
  [ParticipantState.WAITING, false],
  [ParticipantState.IN_SESSION, false],
  [ParticipantState.PAUSED, false],
  [ParticipantState.COMPLETED, true],
  [ParticipantState.LEFT, true],
])("the session is over for those who are not in it any more (%s)", (state, expected) => {
  expect(isOverFor(session(SessionState.IN_PROGRESS), participant(state))).toBe(expected);
});

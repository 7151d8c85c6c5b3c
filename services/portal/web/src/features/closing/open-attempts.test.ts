import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import {
  AssessmentProgressSchema,
  AssessmentProgressState,
  type Participant,
  ParticipantSchema,
  ParticipantState,
} from "../../gen/proctorium/session/v1/lobby_pb";
import { openAttempts } from "./open-attempts";

const NOON = Date.UTC(2027, 2, 1, 12);
const { IN_PROGRESS, SUBMITTED } = AssessmentProgressState;

function participant(
  personId: string,
  time: object,
  progress = IN_PROGRESS,
  state = ParticipantState.IN_SESSION,
): Participant {
  const assessments = [create(AssessmentProgressSchema, { state: progress, ...time })];
  return create(ParticipantSchema, { personId, state, assessments });
}

test("open attempts are listed with their remaining time, the longest first", () => {
  const participants = [
    participant("soon", { deadlineTime: timestampFromMs(NOON + 90_000) }),
    participant("paused", { stoppedRemaining: durationFromMs(600_000) }, IN_PROGRESS, ParticipantState.PAUSED),
    participant("unlimited", {}),
    participant("over", { deadlineTime: timestampFromMs(NOON - 1000) }),
  ];
  expect(openAttempts(participants, NOON)).toEqual([
    { personId: "unlimited", secondsLeft: undefined, isStopped: false },
    { personId: "paused", secondsLeft: 600, isStopped: true },
    { personId: "soon", secondsLeft: 90, isStopped: false },
    { personId: "over", secondsLeft: 0, isStopped: false },
  ]);
});

test("submitted attempts and removed learners are not listed", () => {
  const participants = [
    participant("submitted", {}, SUBMITTED),
    participant("removed", {}, IN_PROGRESS, ParticipantState.REMOVED),
  ];
  expect(openAttempts(participants, NOON)).toEqual([]);
});

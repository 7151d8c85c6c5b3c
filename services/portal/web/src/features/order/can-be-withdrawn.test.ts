import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import {
  AssessmentProgressSchema,
  AssessmentProgressState,
  ParticipantSchema,
  ParticipantState,
  WithdrawalState,
} from "../../gen/proctorium/session/v1/lobby_pb";
import { canBeWithdrawn } from "./can-be-withdrawn";

const { AUTHORIZED, AWAITING_AUTHORIZATION, IN_PROGRESS } = AssessmentProgressState;

test.each([
  [ParticipantState.IN_SESSION, AUTHORIZED, WithdrawalState.UNSPECIFIED, true],
  [ParticipantState.PAUSED, AUTHORIZED, WithdrawalState.UNSPECIFIED, true],
  [ParticipantState.REMOVED, AUTHORIZED, WithdrawalState.UNSPECIFIED, false],
  [ParticipantState.IN_SESSION, AUTHORIZED, WithdrawalState.PENDING, false],
  [ParticipantState.IN_SESSION, AWAITING_AUTHORIZATION, WithdrawalState.UNSPECIFIED, false],
  [ParticipantState.IN_SESSION, IN_PROGRESS, WithdrawalState.ALREADY_STARTED, false],
])(
  "participant %i with progress %i and withdrawal %i can be withdrawn: %s",
  (state, progress, withdrawal, expected) => {
    const participant = create(ParticipantSchema, { state });
    const assessment = create(AssessmentProgressSchema, { state: progress, withdrawal });
    expect(canBeWithdrawn(participant, assessment)).toBe(expected);
  },
);

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import {
  AssessmentProgressState,
  IdentityState,
  type Participant,
  ParticipantSchema,
  ParticipantState,
} from "../../gen/proctorium/session/v1/lobby_pb";
import { byArrival, needsOf } from "./participants";

function participant(fields: MessageInitShape<typeof ParticipantSchema>): Participant {
  return create(ParticipantSchema, { state: ParticipantState.IN_SESSION, connected: true, ...fields });
}

const WAITING_FOR_AUTHORISATION = [{ state: AssessmentProgressState.AWAITING_AUTHORIZATION }];

describe("a participant", () => {
  test.each<[string, MessageInitShape<typeof ParticipantSchema>, string[]]>([
    ["who is connected and has nothing to do", {}, []],
    ["whose photos wait for a decision", { identity: IdentityState.SUBMITTED }, ["identity"]],
    ["who has raised a hand", { hand: {} }, ["hand"]],
    ["who has written a message", { conversation: { proctorsUnreadCount: 1 } }, ["message"]],
    [
      "who has submitted everything and written a message",
      { conversation: { proctorsUnreadCount: 1 }, assessments: [{ state: AssessmentProgressState.SUBMITTED }] },
      ["message"],
    ],
    ["who is not connected", { connected: false }, ["disconnected"]],
    [
      "who is verified",
      { identity: IdentityState.VERIFIED, assessments: WAITING_FOR_AUTHORISATION },
      ["authorisation"],
    ],
    [
      "whose identity is not checked",
      { identity: IdentityState.NOT_REQUIRED, assessments: WAITING_FOR_AUTHORISATION },
      ["authorisation"],
    ],
    ["who is rejected", { identity: IdentityState.REJECTED, assessments: WAITING_FOR_AUTHORISATION }, []],
    [
      "who waits in the lobby",
      { state: ParticipantState.WAITING, connected: false, assessments: WAITING_FOR_AUTHORISATION },
      ["disconnected"],
    ],
    ["who was removed", { state: ParticipantState.REMOVED, connected: false }, []],
    [
      "who has submitted everything",
      { connected: false, assessments: [{ state: AssessmentProgressState.SUBMITTED }] },
      [],
    ],
  ])("%s needs %j → %j", (_, fields, needs) => {
    expect(needsOf(participant(fields))).toEqual(needs);
  });
});

test("participants are sorted by when they joined, those who never joined last", () => {
  const joined = (participantId: string, ms?: number): Participant =>
    participant(ms === undefined ? { participantId } : { participantId, joinTime: timestampFromMs(ms) });
  const sorted = [joined("c"), joined("d", 2000), joined("a", 3000), joined("b", 2000)].sort(byArrival);
  expect(sorted.map(({ participantId }) => participantId)).toEqual(["b", "d", "a", "c"]);
});

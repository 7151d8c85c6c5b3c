import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { expect, test, vi } from "vitest";
import { HandKind } from "../../gen/proctorium/session/v1/hands_pb";
import { type Participant, ParticipantSchema } from "../../gen/proctorium/session/v1/lobby_pb";

vi.stubGlobal("navigator", { languages: ["en-GB"] });
const { kindName, queueOf } = await import("./hands");

const participant = (participantId: string, ms?: number): Participant =>
  create(ParticipantSchema, {
    participantId,
    ...(ms === undefined ? {} : { hand: { kind: HandKind.BREAK, raiseTime: timestampFromMs(ms) } }),
  });

test("the participant who has waited longest is first, and others are left out", () => {
  const queue = queueOf([participant("a", 3000), participant("b"), participant("c", 1000)]);
  expect(queue.map((waiting) => waiting.participant.participantId)).toEqual(["c", "a"]);
  expect(queue.map(({ hand }) => kindName(hand))).toEqual(["Break", "Break"]);
});

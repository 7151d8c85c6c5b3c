import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { type Participant, ParticipantSchema, ParticipantState } from "../../gen/proctorium/session/v1/lobby_pb";
import { byArrival } from "./participants";

function participant(fields: MessageInitShape<typeof ParticipantSchema>): Participant {
  return create(ParticipantSchema, { state: ParticipantState.IN_SESSION, connected: true, ...fields });
}

test("participants are sorted by when they joined, those who never joined last", () => {
  const joined = (participantId: string, ms?: number): Participant =>
    participant(ms === undefined ? { participantId } : { participantId, joinTime: timestampFromMs(ms) });
  const sorted = [joined("c"), joined("d", 2000), joined("a", 3000), joined("b", 2000)].sort(byArrival);
  expect(sorted.map(({ participantId }) => participantId)).toEqual(["b", "d", "a", "c"]);
});

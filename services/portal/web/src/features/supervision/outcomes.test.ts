import { create } from "@bufbuild/protobuf";
import { expect, it } from "vitest";
import { ParticipantOutcomeSchema } from "../../gen/proctorium/session/v1/supervision_pb";
import { changedParticipants, refusals, throwRefusal } from "./outcomes";

const changed = create(ParticipantOutcomeSchema, {
  participantId: "1",
  outcome: { case: "participant", value: { participantId: "1" } },
});
const refused = create(ParticipantOutcomeSchema, {
  participantId: "2",
  outcome: { case: "error", value: { reason: "IDENTITY_NOT_VERIFIED", message: "Not verified." } },
});

it("separates changed participants from refusals", () => {
  expect(changedParticipants([refused, changed]).map((one) => one.participantId)).toEqual(["1"]);
  expect(refusals([refused, changed]).map((one) => one.reason)).toEqual(["IDENTITY_NOT_VERIFIED"]);
});

it("throws the refusal of the one participant with its sentence", () => {
  expect(() => throwRefusal([changed])).not.toThrow();
  expect(() => throwRefusal([refused])).toThrow("Not verified.");
});

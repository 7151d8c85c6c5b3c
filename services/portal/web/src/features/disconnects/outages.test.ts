import { create } from "@bufbuild/protobuf";
import { durationFromMs, timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, it } from "vitest";
import { ParticipantSchema } from "../../gen/proctorium/session/v1/lobby_pb";
import { SessionSchema } from "../../gen/proctorium/session/v1/sessions_pb";
import { givenBack, openOutageSince, secondsOfOutage } from "./outages";

const ended = create(ParticipantSchema, {
  latestOutage: { startTime: timestampFromMs(1_000), endTime: timestampFromMs(91_000) },
});
const open = create(ParticipantSchema, { latestOutage: { startTime: timestampFromMs(1_000) } });

describe("outages", () => {
  it("has a length when it has ended", () => {
    expect(secondsOfOutage(ended)).toBe(90);
    expect(secondsOfOutage(open)).toBeUndefined();
    expect(secondsOfOutage(undefined)).toBeUndefined();
  });

  it("has a start until it ends", () => {
    expect(openOutageSince(open)).toBe(1_000);
    expect(openOutageSince(ended)).toBeUndefined();
    expect(openOutageSince(create(ParticipantSchema))).toBeUndefined();
  });

  it("gives time back in each attempt if the policy of the session does", () => {
    const participant = create(ParticipantSchema, { assessments: [{ returnedTime: durationFromMs(90_000) }, {}] });
    const session = create(SessionSchema, { plan: { disconnectPolicy: { returnedLimit: durationFromMs(300_000) } } });
    expect(givenBack(session, participant)).toEqual([
      { limit: 300, seconds: 90 },
      { limit: 300, seconds: 0 },
    ]);
    expect(givenBack(create(SessionSchema, { plan: {} }), participant)).toBeUndefined();
  });
});

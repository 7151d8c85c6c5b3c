import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { BreakState } from "../../gen/proctorium/session/v1/breaks_pb";
import {
  AssessmentProgressState,
  IdentityState,
  type Participant,
  ParticipantSchema,
  ParticipantState,
} from "../../gen/proctorium/session/v1/lobby_pb";
import { byAttention, countNeeds, isUrgent, needsOf, RULES } from "./attention";

function participant(fields: MessageInitShape<typeof ParticipantSchema>): Participant {
  return create(ParticipantSchema, { state: ParticipantState.IN_SESSION, connected: true, ...fields });
}

const WAITING_FOR_AUTHORISATION = [{ state: AssessmentProgressState.AWAITING_AUTHORIZATION }];

describe("a participant", () => {
  test.each<[string, MessageInitShape<typeof ParticipantSchema>, string[]]>([
    ["who is connected and has nothing to do", {}, []],
    ["whose photos wait for a decision", { identity: IdentityState.SUBMITTED }, ["identity"]],
    ["who has raised a hand", { hand: {} }, ["hand"]],
    ["who has requested a break", { latestBreak: { state: BreakState.REQUESTED } }, ["break"]],
    [
      "who has not returned from a break in time",
      {
        state: ParticipantState.ON_BREAK,
        latestBreak: { state: BreakState.STARTED, overrunTime: {} },
      },
      ["overrun"],
    ],
    ["who has returned late", { latestBreak: { state: BreakState.RETURNED, overrunTime: {} } }, []],
    ["who has written a message", { conversation: { proctorsUnreadCount: 1 } }, ["message"]],
    [
      "who is not connected and has raised a hand and written",
      { hand: {}, connected: false, conversation: { proctorsUnreadCount: 1 } },
      ["hand", "disconnected", "message"],
    ],
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
    ["who waits for approval", { state: ParticipantState.AWAITING_APPROVAL }, ["lateEntry"]],
    ["who returned from an outage", { state: ParticipantState.PAUSED, returnRequest: {} }, ["lateEntry"]],
    ["whose return was denied", { state: ParticipantState.PAUSED, returnRequest: { denialReason: "No" } }, []],
    ["who was denied", { state: ParticipantState.DENIED, connected: false }, []],
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

test("participants are sorted by need, then by waiting time, then by arrival; those who left come last", () => {
  const joined = (ms: number) => ({ joinTime: timestampFromMs(ms) });
  const hand = (ms: number) => ({ hand: { raiseTime: timestampFromMs(ms) } });
  const all = [
    participant({ participantId: "removed", state: ParticipantState.REMOVED, ...joined(1) }),
    participant({ participantId: "quiet, late", ...joined(20) }),
    participant({ participantId: "quiet, early", ...joined(10) }),
    participant({ participantId: "identity", identity: IdentityState.SUBMITTED, ...joined(2) }),
    participant({ participantId: "message", conversation: { proctorsUnreadCount: 1 }, ...joined(3) }),
    participant({ participantId: "disconnected", connected: false, ...joined(4) }),
    participant({ participantId: "hand, short", ...hand(200), ...joined(5) }),
    participant({ participantId: "hand, long", ...hand(100), ...joined(6) }),
  ];
  expect(all.sort(byAttention).map(({ participantId }) => participantId)).toEqual([
    "hand, long",
    "hand, short",
    "disconnected",
    "message",
    "identity",
    "quiet, early",
    "quiet, late",
    "removed",
  ]);
});

test("each need is counted, even if nobody has it", () => {
  const counts = countNeeds([participant({ hand: {}, connected: false }), participant({ connected: false })]);
  expect([...counts.keys()]).toEqual(RULES.map(({ need }) => need));
  expect([counts.get("hand"), counts.get("disconnected"), counts.get("identity")]).toEqual([1, 2, 0]);
});

test("breaks, a hand, a late entry, a message and a lost connection are urgent, the routine work before the start is not", () => {
  expect(RULES.filter(({ need }) => isUrgent(need)).map(({ need }) => need)).toEqual([
    "overrun",
    "hand",
    "break",
    "lateEntry",
    "disconnected",
    "message",
  ]);
});

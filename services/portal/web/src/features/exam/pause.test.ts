import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import { AttemptSchema, ClockState } from "../../gen/proctorium/assessment/v1/attempts_pb";
import { ItemSchema, SingleChoiceSchema } from "../../gen/proctorium/assessment/v1/items_pb";
import { ParticipantSchema, ParticipantState } from "../../gen/proctorium/session/v1/lobby_pb";
import { PauseSchema, SessionSchema } from "../../gen/proctorium/session/v1/sessions_pb";
import { hasQuestions, pauseOf, withoutQuestions } from "./pause";

const running = create(AttemptSchema, { clockState: ClockState.RUNNING });
const paused = create(AttemptSchema, { clockState: ClockState.PAUSED });

function pause(pauseReason: string, startMs: number) {
  return create(PauseSchema, { pauseReason, pauseTime: timestampFromMs(startMs) });
}

describe("pauseOf", () => {
  const session = create(SessionSchema, { pause: pause("Fire alarm", 2000) });
  const learner = create(ParticipantSchema, { state: ParticipantState.PAUSED, pause: pause("Phone", 1000) });

  test("has all reasons, and the earliest start", () => {
    expect(pauseOf(session, learner, running)).toEqual({
      reasons: ["Fire alarm", "Phone"],
      since: 1000,
      isOver: false,
      isRemoved: false,
      showsQuestions: false,
    });
  });

  test("is known before the attempt has received it", () => {
    expect(pauseOf(session, create(ParticipantSchema, { state: ParticipantState.PAUSED }), running)?.since).toBe(2000);
  });

  test("lasts until a proctor lets a learner back in after an outage, and hides the questions", () => {
    const visible = create(SessionSchema, { plan: { questionsShownWhilePaused: true } });
    const returnRequest = { requestTime: timestampFromMs(3000), denialReason: "No" };
    const returned = create(ParticipantSchema, { state: ParticipantState.PAUSED, returnRequest });
    expect(pauseOf(visible, returned, running)).toMatchObject({ since: 3000, showsQuestions: false, returnRequest });
  });

  test("lasts until the attempt has received its end", () => {
    const resumed = create(ParticipantSchema, { state: ParticipantState.IN_SESSION });
    expect(pauseOf(create(SessionSchema), resumed, { ...paused, questionsHidden: true })).toEqual({
      reasons: [],
      since: undefined,
      isOver: true,
      isRemoved: false,
      showsQuestions: false,
    });
    expect(pauseOf(create(SessionSchema), resumed, running)).toBeUndefined();
  });

  test("is not over while the session is unknown, or after the learner was removed", () => {
    expect(pauseOf(undefined, undefined, paused)).toMatchObject({ isOver: false });
    const removed = create(ParticipantSchema, { state: ParticipantState.REMOVED });
    expect(pauseOf(session, removed, paused)).toMatchObject({ isOver: false });
  });

  test("shows the questions if the attempt or, before its report, the plan says so", () => {
    const visible = create(SessionSchema, { plan: { questionsShownWhilePaused: true }, pause: pause("Fire alarm", 1) });
    expect(pauseOf(visible, learner, running)?.showsQuestions).toBe(true);
    expect(pauseOf(visible, learner, paused)?.showsQuestions).toBe(true);
    const hidden = create(AttemptSchema, { clockState: ClockState.PAUSED, questionsHidden: true });
    expect(pauseOf(visible, learner, hidden)?.showsQuestions).toBe(false);
    const removed = create(ParticipantSchema, { state: ParticipantState.REMOVED });
    expect(pauseOf(visible, removed, running)?.showsQuestions).toBe(false);
  });

  test("of a removed learner starts with the removal, and its reasons are not shown", () => {
    const removed = create(ParticipantSchema, { state: ParticipantState.REMOVED, pause: pause("Phone", 1000) });
    expect(pauseOf(session, removed, running)).toEqual({
      reasons: [],
      since: undefined,
      isOver: false,
      isRemoved: true,
      showsQuestions: false,
    });
  });
});

test("no question remains in an attempt without questions", () => {
  const value = create(SingleChoiceSchema, { choices: [{ choiceId: "a", text: "Secret" }] });
  const item = create(ItemSchema, { itemId: "1", prompt: "Secret?", kind: { case: "singleChoice", value } });
  const attempt = create(AttemptSchema, { items: [item], itemCount: 1 });
  expect(hasQuestions(attempt)).toBe(true);
  const stripped = withoutQuestions(attempt);
  expect(hasQuestions(stripped)).toBe(false);
  expect(stripped.items.map(({ itemId }) => itemId)).toEqual(["1"]);
  expect(JSON.stringify(stripped.items)).not.toContain("Secret");
});

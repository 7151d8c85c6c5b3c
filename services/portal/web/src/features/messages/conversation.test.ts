import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { Role } from "../../gen/proctorium/options/v1/options_pb";
import { WatchSessionResponseSchema } from "../../gen/proctorium/session/v1/lobby_pb";
import { type Message, MessageSchema } from "../../gen/proctorium/session/v1/messages_pb";
import { isComplete, isNameHidden, merged, messagesOf, withEarlierMessages } from "./conversation";

const message = (sequence: number, participantId = "p"): Message => create(MessageSchema, { sequence, participantId });
const sequences = (messages: readonly Message[]): number[] => messages.map(({ sequence }) => sequence);

test("messages of a list and of a stream are shown once and in order", () => {
  expect(sequences(merged([message(4), message(3), message(2)], [message(4), message(5)]))).toEqual([2, 3, 4, 5]);
});

test.each([
  [[], 0, true],
  [[], 1, false],
  [[1, 2], 2, true],
  [[5, 6], 6, true],
  [[5, 6], 7, false],
  [[1, 3], 3, false],
  [[1, 2], 1, true],
])("messages %j of %i messages are complete: %s", (known, count, complete) => {
  expect(
    isComplete(
      known.map((sequence) => message(sequence)),
      count,
    ),
  ).toBe(complete);
});

test("conversations are separate", () => {
  expect(sequences(messagesOf([message(1), message(1, ""), message(2)], "p"))).toEqual([1, 2]);
});

test("a view keeps the messages of earlier views", () => {
  const first = create(WatchSessionResponseSchema, { cursor: "1", messages: [message(1)] });
  const second = create(WatchSessionResponseSchema, { cursor: "2", messages: [message(2)] });
  const view = withEarlierMessages(withEarlierMessages(undefined, first), second);
  expect(view.cursor).toBe("2");
  expect(sequences(view.messages)).toEqual([1, 2]);
});

test.each([
  [Role.ADMINISTRATOR, false, true],
  [Role.ADMINISTRATOR, true, false],
  [Role.PROCTOR, false, false],
])("the name of a sender with role %i, read by an administrator: %s, is hidden: %s", (actingRole, reader, hidden) => {
  expect(isNameHidden(create(MessageSchema, { actingRole }), reader)).toBe(hidden);
});

import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { type Participant, ParticipantSchema, ParticipantState } from "../../gen/proctorium/session/v1/lobby_pb";
import { entriesOf, isShown, matches, type RosterSource } from "./roster-entry";

function participant(personId: string, fields: MessageInitShape<typeof ParticipantSchema> = {}): Participant {
  return create(ParticipantSchema, {
    participantId: `participant of ${personId}`,
    personId,
    state: ParticipantState.IN_SESSION,
    connected: true,
    ...fields,
  });
}

function source(fields: Partial<RosterSource>): RosterSource {
  return {
    participants: [],
    invited: [],
    name: (personId) => personId,
    note: () => "",
    incidents: () => 0,
    over: false,
    ...fields,
  };
}

test("everybody invited is on the roster once; those who have not joined come last, by name", () => {
  const participants = [participant("Ada"), participant("Mei", { connected: false })];
  const entries = entriesOf(source({ participants, invited: ["Omar", "Ada", "Lena"] }));
  expect(entries.map(({ personId }) => personId)).toEqual(["Mei", "Ada", "Lena", "Omar"]);
  expect(entries.map(({ participant: joined }) => joined !== undefined)).toEqual([true, true, false, false]);
});

test("nobody needs attention after the end of the session", () => {
  const participants = [participant("Mei", { connected: false })];
  expect(entriesOf(source({ participants, over: true }))[0]?.needs).toEqual([]);
});

test("a queue shows only learners with its need", () => {
  const participants = [participant("Ada"), participant("Mei", { connected: false, hand: {} })];
  const shown = (queue: Parameters<typeof isShown>[1]): string[] =>
    entriesOf(source({ participants, invited: ["Omar"] }))
      .filter((entry) => isShown(entry, queue, ""))
      .map(({ name }) => name);
  expect(shown("all")).toEqual(["Mei", "Ada", "Omar"]);
  expect(shown("attention")).toEqual(["Mei"]);
  expect(shown("disconnected")).toEqual(["Mei"]);
  expect(shown("message")).toEqual([]);
});

test.each([
  ["Zoë Müller", "zoe", true],
  ["Zoë Müller", "MULL zo", true],
  ["Zoë Müller", " ", true],
  ["Zoë Müller", "zoe maier", false],
])("a search in %j for %j finds it: %s", (name, search, found) => {
  expect(matches(name, search)).toBe(found);
});

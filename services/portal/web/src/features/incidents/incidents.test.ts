import { create, type MessageInitShape } from "@bufbuild/protobuf";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { describe, expect, test } from "vitest";
import "../../testing/browser";
import {
  type Incident,
  IncidentCategorySchema,
  IncidentSchema,
  IncidentSeverity,
} from "../../gen/proctorium/session/v1/incidents_pb";
import { SessionState } from "../../gen/proctorium/session/v1/sessions_pb";
import type { Draft } from "./incidents";

const {
  acceptsIncidents,
  categoryName,
  charactersLeft,
  hasIncidents,
  isChanged,
  newDraft,
  newestFirst,
  occurrenceTime,
  opensReport,
  rebase,
  updateOf,
} = await import("./incidents");

const HAPPENED_MS = Date.UTC(2027, 2, 1, 9, 0, 42, 500);
const MINUTE_MS = 60_000;

function incident(fields: MessageInitShape<typeof IncidentSchema> = {}): Incident {
  return create(IncidentSchema, {
    incidentId: "1",
    categoryId: "environment.noise",
    severity: IncidentSeverity.WARNING,
    note: "A drill next door.",
    occurrenceTime: timestampFromMs(HAPPENED_MS),
    etag: "v1",
    ...fields,
  });
}

/** Return a draft that changes an incident, with these entered values. */
function changing(before: Incident, entries: Partial<Draft["entries"]> = {}): Draft & { incident: Incident } {
  const draft = newDraft({ participantId: "", incident: before }, 0);
  return { ...draft, incident: before, entries: { ...draft.entries, ...entries } };
}

test("incidents are sorted by when they happened, then by when they were reported, newest first", () => {
  const at = (incidentId: string, ms: number): Incident =>
    incident({ incidentId, occurrenceTime: timestampFromMs(ms) });
  const sorted = newestFirst([at("a", 1000), at("b", 3000), at("c", 1000), at("d", 2000)]);
  expect(sorted.map(({ incidentId }) => incidentId)).toEqual(["b", "d", "c", "a"]);
});

test.each([
  [SessionState.SCHEDULED, false, false],
  [SessionState.LOBBY_OPEN, true, true],
  [SessionState.IN_PROGRESS, true, true],
  [SessionState.ENDED, true, true],
  [SessionState.CANCELLED, true, false],
])("a session in state %i shows incidents: %s, accepts new ones: %s", (state, shows, accepts) => {
  expect(hasIncidents({ state })).toBe(shows);
  expect(acceptsIncidents({ state })).toBe(accepts);
});

test.each([
  ["environment.noise", "Environment: Noise"],
  ["other.other", "Other"],
  ["new.category", "new.category"],
])("the category %s is called %s", (categoryId, name) => {
  const categories = [
    { title: "Environment", subcategories: [{ categoryId: "environment.noise", title: "Noise" }] },
    { title: "Other", subcategories: [{ categoryId: "other.other", title: "Other" }] },
  ].map((each) => create(IncidentCategorySchema, each));
  expect(categoryName(categories, categoryId)).toBe(name);
});

test.each([
  [0, undefined],
  [1799, undefined],
  [1800, 200],
  [2000, 0],
])("a note of %i characters shows how many are left: %s", (length, left) => {
  expect(charactersLeft(length)).toBe(left);
});

describe("the shortcut", () => {
  const KEY = { key: "i", ctrlKey: false, metaKey: false, altKey: false };
  const ROW = { closest: () => null };
  const FIELD = { closest: () => ({}) as Element };

  test.each([
    ["opens the form from a row", KEY, ROW, true],
    ["works with caps lock", { ...KEY, key: "I" }, ROW, true],
    ["is one key only", { ...KEY, key: "o" }, ROW, false],
    ["leaves the browser's own shortcuts alone", { ...KEY, ctrlKey: true }, ROW, false],
    ["leaves the system's shortcuts alone", { ...KEY, metaKey: true }, ROW, false],
    ["does nothing in a field or dialog of the row", KEY, FIELD, false],
  ])("%s", (_, pressed, focused, opens) => {
    expect(opensReport(pressed, focused)).toBe(opens);
  });
});

describe("a draft", () => {
  test("is unchanged until something is entered", () => {
    const draft = newDraft({ participantId: "p" }, HAPPENED_MS);
    expect(isChanged(draft)).toBe(false);
    expect(isChanged({ ...draft, entries: { ...draft.entries, note: "Noise" } })).toBe(true);
    expect(isChanged(changing(incident()))).toBe(false);
  });

  test("has the exact time at which it was opened, unless another minute is entered", () => {
    const draft = newDraft({ participantId: "p" }, HAPPENED_MS);
    const shown = Math.floor(HAPPENED_MS / MINUTE_MS) * MINUTE_MS;
    expect(timestampMs(occurrenceTime(draft, timestampFromMs(shown)))).toBe(HAPPENED_MS);
    expect(timestampMs(occurrenceTime(draft, timestampFromMs(shown - MINUTE_MS)))).toBe(shown - MINUTE_MS);
  });

  test("changes only the fields in which something was entered", () => {
    const unchanged = timestampFromMs(HAPPENED_MS);
    const paths = (draft: Draft & { incident: Incident }, time = unchanged): unknown =>
      updateOf(draft, time).updateMask;
    expect(paths(changing(incident()))).toEqual({ paths: [] });
    expect(paths(changing(incident(), { note: "A fire drill." }))).toEqual({ paths: ["note"] });
    expect(paths(changing(incident(), { categoryId: "environment.other", severity: "3" }))).toEqual({
      paths: ["category_id", "severity"],
    });
    expect(paths(changing(incident()), timestampFromMs(HAPPENED_MS + MINUTE_MS))).toEqual({
      paths: ["occurrence_time"],
    });
  });

  test("keeps what was entered when somebody else has changed the incident, and takes the rest from them", () => {
    const draft = changing(incident(), { note: "A fire drill." });
    const theirs = incident({ severity: IncidentSeverity.SERIOUS, note: "Too loud to hear anything.", etag: "v2" });
    const rebased = rebase(draft, theirs);
    expect(rebased.entries).toEqual({ ...draft.entries, severity: "3" });
    expect(rebased.theirs).toBe(theirs);
    expect(updateOf({ ...rebased, incident: theirs }, timestampFromMs(HAPPENED_MS))).toMatchObject({
      incident: { etag: "v2" },
      updateMask: { paths: ["note"] },
    });
  });
});

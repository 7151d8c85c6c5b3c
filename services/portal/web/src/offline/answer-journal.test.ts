import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { beforeEach, expect, test, vi } from "vitest";
import { AnswerChangeSchema } from "../gen/proctorium/assessment/v1/attempts_pb";
import { AnswerSchema } from "../gen/proctorium/assessment/v1/items_pb";
import { MemoryStorage } from "../testing/memory-storage";
import {
  compactOthers,
  hasPending,
  Journal,
  type PendingChange,
  pendingAttempts,
  pendingQuestions,
} from "./answer-journal";

const LENA = "lena";
const OMAR = "omar";

beforeEach(() => {
  vi.stubGlobal("localStorage", new MemoryStorage());
});

function add(
  journal: Journal,
  sequence: number,
  value: number,
  { itemId = "question", clock = 0, madeTime = 0 } = {},
): PendingChange {
  const answer = create(AnswerSchema, { value: { case: "number", value } });
  const change = create(AnswerChangeSchema, {
    sequence: BigInt(sequence),
    itemId,
    answer,
    clientTime: timestampFromMs(clock),
  });
  const pending = { key: journal.newKey(), change, madeTime };
  expect(journal.store(pending)).toBe(true);
  return pending;
}

function values(journal: Journal): unknown[] {
  return journal.list().map(({ change }) => change.answer?.value.value);
}

test("changes are listed by their sequence, though the clock was set back between them", () => {
  const journal = new Journal(LENA, "attempt");
  add(journal, 10, 2, { clock: 1_000 });
  add(journal, 9, 1, { clock: 9_000_000 });
  add(journal, 11, 3, { clock: 0 });
  expect(values(journal)).toEqual([1, 2, 3]);
  expect(journal.lastSequence()).toBe(11n);
});

test("an entry that was removed or cannot be read is no change", () => {
  const journal = new Journal(LENA, "attempt");
  const pending = add(journal, 1, 1);
  localStorage.setItem(journal.newKey(), "nonsense");
  expect(values(journal)).toEqual([1]);
  journal.remove(pending);
  expect(journal.holds(pending)).toBe(false);
  expect(values(journal)).toEqual([]);
});

test("a journal belongs to the person who made the changes", () => {
  add(new Journal(LENA, "attempt"), 1, 1);
  expect([...pendingAttempts(LENA)]).toEqual(["attempt"]);
  expect([...pendingAttempts(OMAR)]).toEqual([]);
  expect(values(new Journal(OMAR, "attempt"))).toEqual([]);
  expect(hasPending()).toBe(true);
});

test("of another person the newest change of each question stays, and one's own stay as they are", () => {
  const lena = new Journal(LENA, "attempt");
  const omar = new Journal(OMAR, "other");
  for (const sequence of [1, 2, 3]) {
    add(lena, sequence, sequence);
    add(omar, sequence, sequence);
  }
  add(lena, 4, 4, { itemId: "second" });
  compactOthers(OMAR);
  expect(values(lena)).toEqual([3, 4]);
  expect(values(omar)).toEqual([1, 2, 3]);
  expect(pendingQuestions(LENA)).toBe(2);
});

test("a limited number of attempts of others is stored, the last that were worked on", () => {
  for (let made = 0; made < 60; made += 1) add(new Journal(LENA, `attempt${made}`), 1, made, { madeTime: made });
  compactOthers(OMAR);
  const left = pendingAttempts(LENA);
  expect(left.size).toBe(50);
  expect(left.has("attempt9")).toBe(false);
  expect(left.has("attempt10")).toBe(true);
});

test("a browser that forbids storing stores nothing and breaks nothing", () => {
  const forbid = (): never => {
    throw new DOMException("forbidden", "SecurityError");
  };
  vi.stubGlobal("localStorage", { getItem: forbid, setItem: forbid, removeItem: forbid, key: forbid, length: 1 });
  const journal = new Journal(LENA, "attempt");
  const pending = { key: journal.newKey(), change: create(AnswerChangeSchema), madeTime: 0 };
  expect(journal.store(pending)).toBe(false);
  expect(journal.holds(pending)).toBe(false);
  expect(journal.list()).toEqual([]);
  journal.remove(pending);
  compactOthers(OMAR);
});

import { describe, expect, test } from "vitest";
import { de } from "./de";
import { en } from "./en";

const DAY_SECONDS = 86_400;

type Entry = string | ((...parameters: unknown[]) => unknown);

/** Return the texts of a catalogue by their path, such as `exam.nextStep.wait`. */
function entries(texts: object, path = ""): Map<string, Entry> {
  return new Map(
    Object.entries(texts).flatMap(([key, value]) =>
      typeof value === "object" ? [...entries(value as object, `${path}${key}.`)] : [[`${path}${key}`, value] as const],
    ),
  );
}

/** Return a text with parameters that are numbers or, where the text needs lists, lists of one number. */
function filled(text: (...parameters: unknown[]) => unknown, values: readonly number[]): string {
  try {
    return String(text(...values));
  } catch {
    return String(text(...values.map((value) => [value])));
  }
}

/** Return the positions of the parameters on which a text depends. The numbers are whole days, as some are durations. */
function usedParameters(text: Entry): number[] {
  if (typeof text === "string") return [];
  const values = Array.from({ length: text.length }, (_, index) => DAY_SECONDS * (index + 11));
  const changed = (index: number): number[] => values.map((value, place) => (place === index ? 7 * value : value));
  return values.flatMap((_, index) => (filled(text, changed(index)) === filled(text, values) ? [] : [index]));
}

const [english, german] = [entries(en), entries(de)];

test("the catalogues have the same texts", () => {
  expect([...german.keys()]).toEqual([...english.keys()]);
});

describe("a text has the same parameters in both languages, and depends on them", () => {
  test.each([...english])("%s", (path, text) => {
    const translated = german.get(path) ?? "";
    expect(typeof translated).toBe(typeof text);
    expect(translated.length > 0).toBe(text.length > 0);
    if (typeof text === "function") expect(translated).toHaveLength(text.length);
    expect(usedParameters(translated)).toEqual(usedParameters(text));
  });
});

test.each([...german])("the German text %s is typeset as German", (_, text) => {
  expect(typeof text === "string" ? text : filled(text, Array<number>(text.length).fill(1))).not.toMatch(
    /["“][^„]*["”]|\.\.\.|'/,
  );
});

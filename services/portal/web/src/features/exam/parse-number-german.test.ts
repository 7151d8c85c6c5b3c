import { expect, test, vi } from "vitest";

vi.stubGlobal("navigator", { languages: ["de-DE"] });
const { plainNumber, readNumber } = await import("./parse-number");

test.each([
  [0.5, "0,5"],
  [1.234, "1,2340"],
  [-1e-7, "-0,0000001"],
  [1234, "1234"],
])("on a German page, %d is written as %s and read as the same number", (value, text) => {
  expect(plainNumber(value)).toBe(text);
  expect(readNumber(text)).toEqual({ kind: "number", value });
});

test("the two meanings of an ambiguous number are written with a comma", () => {
  expect(readNumber("1.250")).toEqual({ kind: "ambiguous", meanings: ["1250", "1,25"] });
});

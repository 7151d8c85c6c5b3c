import { describe, expect, test } from "vitest";
import { plainNumber, readNumber } from "./parse-number";

describe("readNumber", () => {
  test.each([
    ["1000", 1000],
    ["0.5", 0.5],
    ["0,125", 0.125],
    [",5", 0.5],
    ["5.", 5],
    ["-3", -3],
    ["\u22123", -3],
    ["\u20133", -3],
    ["+7", 7],
    [" 12 ", 12],
    ["1.25", 1.25],
    ["1.2505", 1.2505],
    ["1234.567", 1234.567],
    ["0.001", 0.001],
  ])("reads %j as %d", (typed, value) => {
    expect(readNumber(typed)).toEqual({ kind: "number", value });
  });

  test.each([
    "-",
    "+",
    ".",
    ",",
    "1e5",
    "1e",
    "--3",
    "0x1F",
    "Infinity",
    "NaN",
    "1 250",
    "1 250,5",
    "1\u00a0250",
    "1,250.5",
    "1.250.000",
    "7 kg",
    "3-",
    "9".repeat(400),
  ])("does not read %j as a number", (typed) => {
    expect(readNumber(typed)).toEqual({ kind: "unreadable" });
  });

  test.each([
    ["1.250", "1250", "1.25"],
    ["1,250", "1250", "1.25"],
    ["12,500", "12500", "12.5"],
    ["-1.250", "-1250", "-1.25"],
    ["999.999", "999999", "999.9990"],
    ["1.234", "1234", "1.2340"],
    ["1,000", "1000", "1"],
  ])("asks whether %j is %s or %s", (typed, thousands, decimal) => {
    expect(readNumber(typed)).toEqual({ kind: "ambiguous", meanings: [thousands, decimal] });
  });

  test.each(["", " ", "\t"])("finds nothing in %j", (typed) => {
    expect(readNumber(typed)).toEqual({ kind: "empty" });
  });

  test("each key of a text that ends unreadable or ambiguous ends without a number", () => {
    for (const text of ["1 250,5", "12,500", "1.250", "-", "1e5"]) {
      const last = Array.from(text, (_, index) => readNumber(text.slice(0, index + 1))).at(-1);
      expect(last?.kind).not.toBe("number");
    }
  });
});

describe("plainNumber", () => {
  test.each([
    0,
    -0,
    1,
    -3,
    0.5,
    1.25,
    1.234,
    -999.999,
    1234.567,
    1e-7,
    -1.5e-9,
    1e21,
    1.2345e25,
    Number.MAX_VALUE,
    Number.MIN_VALUE,
    0.1 + 0.2,
  ])("writes %d so that it is read as the same number", (value) => {
    expect(plainNumber(value)).not.toContain("e");
    expect(readNumber(plainNumber(value))).toEqual({ kind: "number", value: value === 0 ? 0 : value });
  });

  test.each([
    [1e-7, "0.0000001"],
    [1e21, "1000000000000000000000"],
    [1.234, "1.2340"],
    [-0, "0"],
  ])("writes %d as %s", (value, text) => {
    expect(plainNumber(value)).toBe(text);
  });
});

import { expect, test, vi } from "vitest";

vi.stubGlobal("navigator", { languages: ["fr-FR", "de-DE"] });
const { DECIMAL_SIGN, duration, list, number, timeWithOffset } = await import("./format");
const { messages } = await import(".");

test("the catalogue is the German one", () => {
  expect(messages.account.signIn).toBe("Anmelden");
});

test("numbers, lists and points are written as in German", () => {
  expect(number(1234567.891)).toBe("1.234.567,89");
  expect(DECIMAL_SIGN).toBe(",");
  expect(list(["2", "3", "5"])).toBe("2, 3 und 5");
  expect(messages.common.pointsOf(0.999, 1)).toBe("0,99 von 1 Punkt");
  expect(messages.common.pointsOf(1.5, 2)).toBe("1,5 von 2 Punkten");
});

test.each([
  [0, "0 Sekunden"],
  [60, "1 Minute"],
  [5400, "1 Stunde 30 Minuten"],
])("a duration of %d seconds is %j", (seconds, text) => {
  expect(duration(seconds)).toBe(text);
});

test("times are written with 24 hours and their offset", () => {
  expect(timeWithOffset(Date.UTC(2027, 2, 1, 19, 0))).toMatch(/^19:00.* (GMT|UTC)|^\d\d:00 /);
});

import { describe, expect, test, vi } from "vitest";

vi.stubGlobal("navigator", { languages: ["fr-FR", "en-US", "en-GB", "de-DE"] });
const { list, number, sortedBy, timeWithOffset, truncatePoints } = await import("./format");
const { messages } = await import(".");

describe("points", () => {
  const { pointsOf } = messages.common;

  test("are never rounded up: a score below the pass mark does not look like a pass", () => {
    expect(pointsOf(0.999, 1)).toBe("0.99 of 1 point");
    expect(pointsOf(0.9999999999999999, 1)).toBe("0.99 of 1 point");
    expect(pointsOf(5.996, 6)).toBe("5.99 of 6 points");
    expect(pointsOf(2 / 3, 1)).toBe("0.66 of 1 point");
  });

  test("are shown with their decimal digits, whatever their binary fractions are", () => {
    // As binary fractions, 0.29 is 0.28999… and 1.15 is 1.1499….
    expect(pointsOf(0.29, 1)).toBe("0.29 of 1 point");
    expect(pointsOf(1.15, 2.3)).toBe("1.15 of 2.3 points");
    expect(pointsOf(8, 8)).toBe("8 of 8 points");
    expect(pointsOf(1234.5, 2000)).toBe("1,234.5 of 2,000 points");
  });

  test("that are all possible points look like all of them", () => {
    expect(pointsOf(0.999, 0.999)).toBe("0.99 of 0.99 points");
    expect(pointsOf(1e-7, 1)).toBe("0 of 1 point");
  });

  test("lose no digit before the decimal point", () => {
    expect(truncatePoints(-1.239)).toBe(-1.23);
    expect(truncatePoints(1e21)).toBe(1e21);
  });
});

test("numbers are written in the reader's variety of English", () => {
  expect(number(1234567.891)).toBe("1,234,567.89");
});

test.each([
  [0, "0 seconds"],
  [-5, "0 seconds"],
  [0.2, "1 second"],
  [59, "59 seconds"],
  [60, "1 minute"],
  [89, "1 minute"],
  [90, "2 minutes"],
  [3600, "1 hour"],
  [5400, "1 hour 30 minutes"],
  [7260, "2 hours 1 minute"],
])("a duration of %d seconds is %j", (seconds, text) => {
  expect(messages.common.duration(seconds)).toBe(text);
});

test("lists are joined with commas and an and", () => {
  expect(list(["2"])).toBe("2");
  expect(list(["2", "3", "5"])).toBe("2, 3 and 5");
});

test("names are sorted as their reader expects", () => {
  expect(sortedBy(["Zoë", "adam", "Élise", "Emil"], (name) => name)).toEqual(["adam", "Élise", "Emil", "Zoë"]);
});

test("times that clocks show alike differ by their offset from UTC", () => {
  expect(timeWithOffset(Date.UTC(2027, 2, 1, 9, 0))).toMatch(/GMT/);
});

test.each([
  [59, "59 seconds left"],
  [60, "1 minute left"],
  [3599, "59 minutes left"],
  [7199, "1 hour 59 minutes left"],
])("with %d seconds left, the console says %j", (seconds, text) => {
  expect(messages.console.left(seconds)).toBe(text);
});

test("the roster and the panel of a learner say the same time", () => {
  expect(messages.console.minutesLeft(3599)).toBe(messages.console.left(3599));
});

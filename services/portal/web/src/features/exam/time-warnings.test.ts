import { expect, test, vi } from "vitest";

vi.stubGlobal("navigator", { languages: ["en-GB"] });
const { Announcer, visibleWarning } = await import("./time-warnings");

test.each([
  [3600, ""],
  [901, ""],
  [900, "15 minutes left."],
  [899, "Less than 15 minutes left."],
  [301, "Less than 15 minutes left."],
  [300, "5 minutes left."],
  [120, "Less than 5 minutes left."],
  [60, "1 minute left."],
  [59, "Less than 1 minute left."],
  [1, "Less than 1 minute left."],
  [0, "Your time is over."],
])("with %d seconds left everybody sees %j", (left, text) => {
  expect(visibleWarning(left)).toBe(text);
});

/** Return the announced texts, each with the seconds that were left when the text appeared. */
function spoken(seconds: Iterable<number>): [number, string][] {
  const announcer = new Announcer();
  const found: [number, string][] = [];
  let before = "";
  for (const left of seconds) {
    const text = announcer.announce(left);
    if (text !== before && text !== "") found.push([left, text]);
    before = text;
  }
  return found;
}

function countdown(from: number, step = 1): number[] {
  return Array.from({ length: Math.floor(from / step) + 1 }, (_, index) => from - index * step);
}

test("15, 5 and 1 minutes and the end are spoken, each exactly when it is true", () => {
  expect(spoken(countdown(1000))).toEqual([
    [900, "15 minutes left."],
    [300, "5 minutes left."],
    [60, "1 minute left."],
    [0, "Your time is over."],
  ]);
});

test("a page that is opened with two minutes left does not speak of five", () => {
  expect(spoken(countdown(120))).toEqual([
    [60, "1 minute left."],
    [0, "Your time is over."],
  ]);
});

test("a page whose clock was not drawn for a while says what is true then", () => {
  expect(spoken([910, 880, 310, 50])).toEqual([
    [880, "Less than 15 minutes left."],
    [50, "Less than 1 minute left."],
  ]);
});

test("an announcement is taken away before it is untrue for long", () => {
  const announcer = new Announcer();
  for (const left of countdown(301).slice(0, 7)) announcer.announce(left);
  expect(announcer.announce(294)).toBe("");
});

test("extra time is counted down again", () => {
  expect(spoken([301, 300, 290, 900, 301, 300])).toEqual([
    [300, "5 minutes left."],
    [300, "5 minutes left."],
  ]);
});

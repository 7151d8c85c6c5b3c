import { expect, test, vi } from "vitest";
import "../../testing/browser";

vi.stubGlobal("navigator", { languages: ["en-GB"] });
const { connectionLost } = await import("./connection-note");

test("a lost connection is not said to let the time continue during a pause", () => {
  for (const isTimeOver of [false, true]) {
    expect(connectionLost(isTimeOver, true, false)).toContain("when your proctor has resumed");
  }
  expect(connectionLost(false, false, false)).toContain("Your time continues");
  expect(connectionLost(true, false, false)).toContain("Your time is over");
});

test("a page that accepts no answers does not ask the learner to keep answering", () => {
  for (const isTimeOver of [false, true]) {
    for (const isPaused of [false, true]) {
      const note = connectionLost(isTimeOver, isPaused, true);
      expect(note).toContain("sent when it is back");
      expect(note).not.toContain("Keep answering");
    }
  }
});

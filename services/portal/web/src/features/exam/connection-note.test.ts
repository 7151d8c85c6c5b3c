import { expect, test, vi } from "vitest";
import "../../testing/browser";

vi.stubGlobal("navigator", { languages: ["en-GB"] });
const { connectionLost } = await import("./connection-note");

test("a lost connection is not said to let the time continue during a pause", () => {
  for (const isTimeOver of [false, true]) {
    expect(connectionLost(isTimeOver, true)).toContain("when your proctor has resumed");
  }
  expect(connectionLost(false, false)).toContain("Your time continues");
  expect(connectionLost(true, false)).toContain("Your time is over");
});

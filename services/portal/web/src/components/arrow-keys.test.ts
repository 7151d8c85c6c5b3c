import { expect, it } from "vitest";
import { step } from "./arrow-keys";

const pressed = (key: string, more = {}): Parameters<typeof step>[0] => ({
  key,
  ctrlKey: false,
  metaKey: false,
  altKey: false,
  ...more,
});

it.each<[string, number, number]>([
  ["ArrowDown", 0, 1],
  ["ArrowDown", 2, 0],
  ["ArrowUp", 1, 0],
  ["ArrowUp", 0, 2],
  ["Home", 2, 0],
  ["End", 0, 2],
])("%s moves the focus from %i to %i of three items", (key, from, to) => {
  expect(step(pressed(key), "vertical", from, 3)).toBe(to);
});

it("ignores other keys, keys with a modifier, and empty lists", () => {
  expect(step(pressed("ArrowLeft"), "vertical", 0, 3)).toBeUndefined();
  expect(step(pressed("ArrowDown", { altKey: true }), "vertical", 0, 3)).toBeUndefined();
  expect(step(pressed("ArrowDown"), "vertical", -1, 0)).toBeUndefined();
});

it("moves to the first item if no item has the focus", () => {
  expect(step(pressed("ArrowRight"), "horizontal", -1, 3)).toBe(0);
});

import { createElement, Fragment, type VNode } from "preact";
import { expect, test } from "vitest";
import "./translatable";

/** Return elements as arrays of type, key and children, and other children unchanged. */
function drawn(child: unknown): unknown {
  if (Array.isArray(child)) return child.map(drawn);
  if (child === null || typeof child !== "object") return child;
  const { type, key, props } = child as VNode;
  return [type === Fragment ? "" : type, key, drawn(props.children)];
}

test("a text has an element whose key is the text", () => {
  expect(drawn(createElement("p", null, "Saved"))).toEqual(["p", undefined, ["span", "0 Saved", "Saved"]]);
});

test("texts beside each other share an element, and the others keep their places", () => {
  const link = createElement("b", { key: "b" });
  const children = createElement("p", null, 3, " of ", 4, link, " ", false, "left").props.children;
  expect(drawn(children)).toEqual([
    ["span", "0 3 of 4", "3 of 4"],
    null,
    null,
    ["b", "b", undefined],
    " ",
    false,
    ["span", "6 left", "left"],
  ]);
});

test("texts of a fragment and of a list have elements too", () => {
  expect(drawn(createElement(Fragment, null, "a"))).toEqual(["", undefined, ["span", "0 a", "a"]]);
  expect(drawn(createElement("p", null, ["a", "b"], "c"))).toEqual([
    "p",
    undefined,
    [
      [["span", "0 ab", "ab"], null],
      ["span", "1 c", "c"],
    ],
  ]);
});

test("an option has text and nothing else", () => {
  expect(drawn(createElement("option", null, "Learner"))).toEqual(["option", undefined, "Learner"]);
});

test("what a component is given reaches it as it is", () => {
  const Component = (): null => null;
  expect(createElement(Component, null, "text").props).toHaveProperty("children", "text");
});

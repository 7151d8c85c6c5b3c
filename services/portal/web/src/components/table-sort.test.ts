import { expect, it } from "vitest";
import { nextSort, sortedRows, toggled, toggledAll } from "./table-sort";

const byLength = (): ((one: string, other: string) => number) => (one, other) => one.length - other.length;

it("sorts ascending, then descending, then in the default order", () => {
  const ascending = nextSort(undefined, "name");
  const descending = nextSort(ascending, "name");
  expect([ascending, descending, nextSort(descending, "name")]).toEqual([
    { column: "name", descending: false },
    { column: "name", descending: true },
    undefined,
  ]);
  expect(nextSort(descending, "state")).toEqual({ column: "state", descending: false });
});

it("keeps the default order of equal rows in both directions", () => {
  const rows = ["bb", "a", "cc"];
  expect(sortedRows(rows, { column: "name", descending: false }, byLength)).toEqual(["a", "bb", "cc"]);
  expect(sortedRows(rows, { column: "name", descending: true }, byLength)).toEqual(["bb", "cc", "a"]);
  expect(sortedRows(rows, undefined, byLength)).toBe(rows);
});

it("selects and unselects one row and all shown rows", () => {
  const one = toggled(new Set(), "a");
  expect([...one]).toEqual(["a"]);
  expect([...toggled(one, "a")]).toEqual([]);
  expect([...toggledAll(one, ["a", "b"])]).toEqual(["a", "b"]);
  expect([...toggledAll(new Set(["a", "b", "hidden"]), ["a", "b"])]).toEqual(["hidden"]);
});

import { afterAll, expect, test, vi } from "vitest";
import { instantsOf, localTimeOf } from "./local-time";

vi.stubEnv("TZ", "Europe/Berlin");

afterAll(() => {
  vi.unstubAllEnvs();
});

test.each([
  ["on an ordinary day", "2027-03-01T08:00:42.500Z", { text: "2027-03-01T09:00", occurrence: "" }],
  ["before the clocks are put back", "2027-10-31T00:30:00Z", { text: "2027-10-31T02:30", occurrence: "0" }],
  ["after the clocks are put back", "2027-10-31T01:30:00Z", { text: "2027-10-31T02:30", occurrence: "1" }],
])("a field shows the local time %s", (_, instant, shown) => {
  expect(localTimeOf(Date.parse(instant))).toEqual(shown);
});

test("a time that occurs twice has two instants, and one that is skipped has none", () => {
  expect(instantsOf("2027-10-31T02:30")).toHaveLength(2);
  expect(instantsOf("2027-03-28T02:30")).toEqual([]);
  expect(instantsOf("soon")).toBeUndefined();
});

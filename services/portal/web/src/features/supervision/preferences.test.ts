import { expect, test } from "vitest";
import { parsePreferences } from "./preferences";

const DEFAULTS = { sound: true, titleBadge: true, shortcuts: true };

test.each([[null], [""], ["{"], ["null"], ["3"], ['{"sound":"no"}']])(
  "the stored text %j gives the defaults",
  (stored) => {
    expect(parsePreferences(stored)).toEqual(DEFAULTS);
  },
);

test("a stored choice replaces its default only", () => {
  expect(parsePreferences('{"sound":false,"other":1}')).toEqual({ ...DEFAULTS, sound: false });
});

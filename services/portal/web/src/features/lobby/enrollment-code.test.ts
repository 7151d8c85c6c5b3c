import { expect, test, vi } from "vitest";

vi.stubGlobal("navigator", { languages: ["en-GB"] });
const { parseEnrollmentCode } = await import("./enrollment-code");

test.each([
  ["aB3dE6", "aB3dE6"],
  ["  aB3dE6\n", "aB3dE6"],
  ["aB3-dE6", "aB3dE6"],
  ["aB3\u2011dE6\u200b", "aB3dE6"],
  ["ａＢ３ｄＥ６", "aB3dE6"],
  ["abcdEFG8", "abcdEFG8"],
])("%j is the code %s", (text, code) => {
  expect(parseEnrollmentCode(text)).toEqual({ code });
});

test.each([
  ["aB3dE", "This text has 5."],
  ["aB3dE6789", "This text has 9."],
  ["aB3dÉ6", "“É” cannot be part of one."],
  ["", "This text has 0."],
])("%j is no code: %s", (text, cause) => {
  const parsed = parseEnrollmentCode(text);
  expect("error" in parsed && parsed.error).toContain(cause);
});

// Parses the numbers that people type, and formats numbers as texts that can be parsed again.
import { DECIMAL_SIGN } from "../../messages/format";

/** The meaning of a text in a number field. */
export type Reading =
  | { kind: "empty" }
  | { kind: "number"; value: number }
  /**
   * The text has a separator that is either a decimal point or a thousands separator. `meanings` contains an
   * unambiguous text for each of the two numbers.
   */
  | { kind: "ambiguous"; meanings: readonly [string, string] }
  | { kind: "unreadable" };

const DECIMAL = /^[+-]?(\d+([.,]\d*)?|[.,]\d+)$/;
// Texts such as "1.250" and "1,250", in which the separator can be a decimal separator or a thousands separator. A text
// that begins with zero is not ambiguous, because nobody writes a leading zero before a thousands separator.
const AMBIGUOUS = /^([+-]?[1-9]\d{0,2})[.,](\d{3})$/;
// Typed and copied texts may contain minus signs other than the ASCII character.
const MINUS_SIGNS = /^[\u2212\u2013\ufe63\uff0d]/;

/** Parse a number with an optional sign and at most one decimal point or decimal comma. */
export function readNumber(typed: string): Reading {
  const text = typed.trim().replace(MINUS_SIGNS, "-");
  if (text === "") return { kind: "empty" };
  const [, whole, last] = AMBIGUOUS.exec(text) ?? [];
  if (whole !== undefined && last !== undefined) {
    return {
      kind: "ambiguous",
      meanings: [plainNumber(Number(whole + last)), plainNumber(Number(`${whole}.${last}`))],
    };
  }
  const value = Number(text.replace(",", "."));
  return DECIMAL.test(text) && Number.isFinite(value) ? { kind: "number", value } : { kind: "unreadable" };
}

/**
 * Return the shortest text without an exponent that `readNumber` parses as this number, with the decimal sign of the
 * reader's language.
 */
export function plainNumber(value: number): string {
  return withDecimalPoint(value).replace(".", DECIMAL_SIGN);
}

function withDecimalPoint(value: number): string {
  const [digits = "", exponent] = Math.abs(value).toString().split("e");
  const sign = value < 0 ? "-" : "";
  if (exponent === undefined) return withoutAmbiguity(sign, digits);
  const [whole = "", fraction = ""] = digits.split(".");
  const point = whole.length + Number(exponent);
  const all = whole + fraction;
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${all}`;
  return `${sign}${all.padEnd(point, "0")}`;
}

/** Append a zero to a number such as 1.234, because a person could read 1.234 as 1234. */
function withoutAmbiguity(sign: string, digits: string): string {
  return AMBIGUOUS.test(digits) ? `${sign}${digits}0` : `${sign}${digits}`;
}

// Parses numbers as people type them, and formats them so that they can be typed again.

/** The meaning of a text in a number field. */
export type Reading =
  | { kind: "empty" }
  | { kind: "number"; value: number }
  /** A separator that is a decimal point to some people and separates thousands for others; `meanings` are texts with one reading. */
  | { kind: "ambiguous"; meanings: readonly [string, string] }
  | { kind: "unreadable" };

const DECIMAL = /^[+-]?(\d+([.,]\d*)?|[.,]\d+)$/;
// "1.250" and "1,250": one separator before exactly three digits. Nobody writes a leading zero before a separator of thousands.
const AMBIGUOUS = /^([+-]?[1-9]\d{0,2})[.,](\d{3})$/;
// Keyboards and copied texts have other characters for the minus sign than programs have.
const MINUS_SIGNS = /^[\u2212\u2013\ufe63\uff0d]/;

/** Read digits with an optional sign and one decimal point or comma. */
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

/** Return the shortest text without exponent that `readNumber` reads as this number, with a decimal point. */
export function plainNumber(value: number): string {
  const [digits = "", exponent] = Math.abs(value).toString().split("e");
  const sign = value < 0 ? "-" : "";
  if (exponent === undefined) return withoutAmbiguity(sign, digits);
  const [whole = "", fraction = ""] = digits.split(".");
  const point = whole.length + Number(exponent);
  const all = whole + fraction;
  if (point <= 0) return `${sign}0.${"0".repeat(-point)}${all}`;
  return `${sign}${all.padEnd(point, "0")}`;
}

/** A number with exactly three decimals, such as 1.234, gets a fourth: otherwise it could be read as 1234. */
function withoutAmbiguity(sign: string, digits: string): string {
  return AMBIGUOUS.test(digits) ? `${sign}${digits}0` : `${sign}${digits}`;
}

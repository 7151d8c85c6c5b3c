// Numbers, points, dates and times in the reader's format. Each formatter is created once, because creating it takes
// much longer than formatting.
import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";
import { DEFAULT_LOCALES, LOCALE, language } from "./language";

const decimals = new Intl.NumberFormat(LOCALE, { maximumFractionDigits: 2 });

/** Format a number with at most two decimals. */
export function number(value: number): string {
  return decimals.format(value);
}

const plurals = new Intl.PluralRules(LOCALE);

/** Return the plural form that a number needs: "one" for 1, "other" for 0 and 2. */
export function pluralForm(count: number): Intl.LDMLPluralRule {
  return plurals.select(count);
}

/** The sign before the decimals of a number: a point in English, a comma in German. */
export const DECIMAL_SIGN = (1.5).toLocaleString(DEFAULT_LOCALES[language]).charAt(1);

function unit(name: "second" | "minute" | "hour"): Intl.NumberFormat {
  return new Intl.NumberFormat(LOCALE, { style: "unit", unit: name, unitDisplay: "long" });
}

const units = { seconds: unit("second"), minutes: unit("minute"), hours: unit("hour") };

/** Format a duration in its two largest units: "45 seconds", "1 hour 30 minutes". */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  if (whole < 60) return units.seconds.format(whole);
  const minutes = Math.round(whole / 60);
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  return [hours > 0 && units.hours.format(hours), rest > 0 && units.minutes.format(rest)].filter(Boolean).join(" ");
}

/** Format the time that is left. Minutes that have begun do not count, so that no page promises more than another. */
export function timeLeft(seconds: number): string {
  return duration(seconds < 60 ? seconds : Math.floor(seconds / 60) * 60);
}

const POINT_DECIMALS = 2;

/**
 * Truncate points after two decimals. If points were rounded up, a score below the pass mark could look like a pass.
 */
export function truncatePoints(points: number): number {
  const text = String(points);
  if (text.includes("e")) return Math.trunc(points);
  const [whole, decimals = ""] = text.split(".");
  return Number(`${whole}.${decimals.slice(0, POINT_DECIMALS)}`);
}

const lists = new Intl.ListFormat(DEFAULT_LOCALES[language]);

/** Format a list: "2", "2 and 3", "2, 3 and 5". */
export function list(items: readonly string[]): string {
  return lists.format(items);
}

/** Return a function that formats a time in the reader's format. The formatter is created when it is first used. */
function timeFormat(options: Intl.DateTimeFormatOptions): (time: Date | number) => string {
  let formatter: Intl.DateTimeFormat | undefined;
  return (time) => {
    formatter ??= new Intl.DateTimeFormat(LOCALE, options);
    return formatter.format(time);
  };
}

const formatDateTime = timeFormat({
  weekday: "short",
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "numeric",
  minute: "2-digit",
  timeZoneName: "short",
});
const formatWithSeconds = timeFormat({
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "numeric",
  minute: "2-digit",
  second: "2-digit",
  timeZoneName: "shortOffset",
});
const formatTimeOfDay = timeFormat({ hour: "numeric", minute: "2-digit", timeZoneName: "short" });
const formatWithOffset = timeFormat({ hour: "numeric", minute: "2-digit", timeZoneName: "longOffset" });
const formatDate = timeFormat({ dateStyle: "long" });
const formatDateUtc = timeFormat({ dateStyle: "long", timeZone: "UTC" });

/**
 * Format a day and time in the reader's time zone. The text includes the time zone, because people who meet in a
 * session may be in different time zones.
 */
export function dateTime(time: Timestamp | undefined): string {
  return time === undefined ? "" : formatDateTime(timestampDate(time));
}

/** Format a time to the second in the reader's time zone. The offset from UTC is part of the text. */
export function timeWithSeconds(time: Timestamp | undefined): string {
  return time === undefined ? "" : formatWithSeconds(timestampDate(time));
}

/** Format the time of day of an instant in milliseconds, in the reader's time zone. The text includes the time zone. */
export function timeOfDay(instant: number): string {
  return formatTimeOfDay(instant);
}

/**
 * Format a time of day in the reader's time zone, with the offset from UTC. When clocks are put back, the offset
 * distinguishes the two instants with the same local time.
 */
export function timeWithOffset(instant: number): string {
  return formatWithOffset(instant);
}

/** Format a day in the reader's zone. */
export function date(time: Timestamp | undefined): string {
  return time === undefined ? "" : formatDate(timestampDate(time));
}

/** Format a day in UTC, as on a certificate, so that the text is the same in all time zones. */
export function dateUtc(time: Timestamp | undefined): string {
  return time === undefined ? "" : formatDateUtc(timestampDate(time));
}

const collator = new Intl.Collator(LOCALE);

/** Compare two texts in the alphabetical order of the reader's language. */
export function compareTexts(one: string, other: string): number {
  return collator.compare(one, other);
}

/**
 * Return a copy of `items`, sorted by a name or title in the alphabetical order of the reader's language. Case is
 * ignored.
 */
export function sortedBy<Item>(items: readonly Item[], text: (item: Item) => string): Item[] {
  return [...items].sort((one, other) => compareTexts(text(one), text(other)));
}

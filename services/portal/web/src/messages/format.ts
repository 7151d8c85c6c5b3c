// Numbers, points, dates and times in the reader's format.
import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";

/** The reader's variety of the language of the pages. */
const LOCALE = navigator.languages.find((language) => language.startsWith("en")) ?? "en-GB";

/** Format a number with at most two decimals. */
export function number(value: number): string {
  return value.toLocaleString(LOCALE, { maximumFractionDigits: 2 });
}

const POINT_DECIMALS = 2;

/** Cut points off after two decimals: rounded up, a failing score would look like a pass. */
export function truncatePoints(points: number): number {
  const text = String(points);
  if (text.includes("e")) return Math.trunc(points);
  const [whole, decimals = ""] = text.split(".");
  return Number(`${whole}.${decimals.slice(0, POINT_DECIMALS)}`);
}

/** Format a list: "2", "2 and 3", "2, 3 and 5". */
export function list(items: readonly string[]): string {
  return new Intl.ListFormat("en-GB").format(items);
}

/** Format a day and time in the reader's zone, which is part of the text: people who meet may be in different zones. */
export function dateTime(time: Timestamp | undefined): string {
  if (time === undefined) return "";
  return timestampDate(time).toLocaleString(LOCALE, {
    weekday: "short",
    day: "numeric",
    month: "short",
    year: "numeric",
    hour: "numeric",
    minute: "2-digit",
    timeZoneName: "short",
  });
}

/** Format a time of day in the reader's zone with its offset from UTC, which distinguishes two times that clocks show alike. */
export function timeWithOffset(instant: number): string {
  return new Date(instant).toLocaleTimeString(LOCALE, {
    hour: "numeric",
    minute: "2-digit",
    timeZoneName: "longOffset",
  });
}

/** Format a day in the reader's zone. */
export function date(time: Timestamp | undefined): string {
  return time === undefined ? "" : timestampDate(time).toLocaleDateString(LOCALE, { dateStyle: "long" });
}

/** Format a day in UTC, as a certificate has it: it is the same wherever it is read. */
export function dateUtc(time: Timestamp | undefined): string {
  return time === undefined
    ? ""
    : timestampDate(time).toLocaleDateString(LOCALE, { dateStyle: "long", timeZone: "UTC" });
}

const collator = new Intl.Collator(LOCALE);

/** Return a copy of `items` sorted by a name or title as its reader expects: Élise before Zoë, regardless of case. */
export function sortedBy<Item>(items: readonly Item[], text: (item: Item) => string): Item[] {
  return [...items].sort((one, other) => collator.compare(text(one), text(other)));
}

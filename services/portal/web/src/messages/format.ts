// Numbers, lengths of time and times as people read them.
import { type Timestamp, timestampDate } from "@bufbuild/protobuf/wkt";

/** The person's browser says in which language and zone they read; our pages are English. */
const LOCALE = navigator.languages.find((language) => language.startsWith("en")) ?? "en-GB";

/** "1 question", "3 questions". */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${number(count)} ${count === 1 ? one : many}`;
}

/** A length of time in its two largest units: "45 seconds", "1 hour 30 minutes". */
export function duration(seconds: number): string {
  const whole = Math.max(0, Math.ceil(seconds));
  if (whole < 60) return counted(whole, "second");
  const minutes = Math.round(whole / 60);
  const [hours, rest] = [Math.floor(minutes / 60), minutes % 60];
  return [hours > 0 && counted(hours, "hour"), rest > 0 && counted(rest, "minute")].filter(Boolean).join(" ");
}

/** A number with two decimals at most. */
export function number(value: number): string {
  return value.toLocaleString(LOCALE, { maximumFractionDigits: 2 });
}

const POINT_DECIMALS = 2;

/** "2 of 3 points". */
export function outOf(points: number, possible: number): string {
  return `${number(cut(points))} of ${worth(possible)}`;
}

/** "1.5 points". */
export function worth(points: number): string {
  return counted(cut(points), "point");
}

/** Points with two decimals at most, the rest cut off: rounded up, a failing score would look like a pass. */
function cut(points: number): number {
  const text = String(points);
  if (text.includes("e")) return Math.trunc(points);
  const [whole, decimals = ""] = text.split(".");
  return Number(`${whole}.${decimals.slice(0, POINT_DECIMALS)}`);
}

/** Day and time in the reader's zone, which is said: people who meet may sit in different ones. */
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

/** The time of day in the reader's zone with its distance from UTC, which tells two times apart that clocks show alike. */
export function timeWithOffset(instant: number): string {
  return new Date(instant).toLocaleTimeString(LOCALE, {
    hour: "numeric",
    minute: "2-digit",
    timeZoneName: "longOffset",
  });
}

/** A day in the reader's zone. */
export function date(time: Timestamp | undefined): string {
  return time === undefined ? "" : timestampDate(time).toLocaleDateString(LOCALE, { dateStyle: "long" });
}

/** A day in UTC: what is printed on a certificate, wherever it is read. */
export function dateUtc(time: Timestamp | undefined): string {
  return time === undefined
    ? ""
    : timestampDate(time).toLocaleDateString(LOCALE, { dateStyle: "long", timeZone: "UTC" });
}

const collator = new Intl.Collator(LOCALE);

/** A copy of `list`, sorted by a name or title as its reader expects: Élise before Zoë, whatever the case. */
export function sortedBy<One>(list: readonly One[], text: (one: One) => string): One[] {
  return [...list].sort((one, other) => collator.compare(text(one), text(other)));
}

// Converts instants to the local times of date fields and back, in the time zone of the reader's browser.
import { type Timestamp, timestampFromDate } from "@bufbuild/protobuf/wkt";

const LOCAL = /^(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d))?$/;
const MINUTE_MS = 60_000;
const DAY_MS = 86_400_000;

/** The reader's time zone, by its IANA name. */
export const TIME_ZONE = Intl.DateTimeFormat().resolvedOptions().timeZone;

function offsetMs(instant: number): number {
  return -MINUTE_MS * new Date(instant).getTimezoneOffset();
}

/**
 * Return the instants at which clocks in the reader's time zone show a time such as `2027-03-01T09:00`, earliest first.
 * There is no instant if the clocks are put forward over this time, and there are two if they are put back over it.
 * Return undefined if the text is not a date and time.
 */
export function instantsOf(text: string): readonly number[] | undefined {
  const parts = LOCAL.exec(text);
  if (parts === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts
    .slice(1)
    .map((part) => Number(part ?? 0));
  const wall = Date.UTC(year, month - 1, day, hour, minute, second);
  if (new Date(wall).toISOString().slice(0, 16) !== text.slice(0, 16)) return undefined;
  // The offset of a time zone changes at most once within a few days. Therefore the offset at this time is the offset
  // two days earlier or the offset two days later.
  const offsets = new Set([offsetMs(wall - 2 * DAY_MS), offsetMs(wall + 2 * DAY_MS)]);
  return [...offsets]
    .map((offset) => wall - offset)
    .filter((instant) => instant + offsetMs(instant) === wall)
    .sort((one, other) => one - other);
}

/** The content of a field for a date and time. */
export interface LocalTime {
  /** The time to the minute, such as `2027-03-01T09:00`. */
  text: string;
  /** The index of the chosen instant, `0` or `1`, if two instants have this text; otherwise empty. */
  occurrence: string;
}

/** Return the time that clocks in the reader's time zone show at an instant. */
export function localTimeOf(instant: number): LocalTime {
  const minute = Math.floor(instant / MINUTE_MS) * MINUTE_MS;
  const text = new Date(minute + offsetMs(minute)).toISOString().slice(0, 16);
  const instants = instantsOf(text) ?? [];
  return { text, occurrence: instants.length === 2 ? String(instants.indexOf(minute)) : "" };
}

/** Return the last second of a day such as `2027-03-01` in the reader's zone. */
export function endOfDay(text: string): Timestamp | undefined {
  const [year = Number.NaN, month = 1, day = 1] = text.split("-").map(Number);
  const next = new Date(year, month - 1, day + 1).getTime();
  return Number.isNaN(next) ? undefined : timestampFromDate(new Date(next - 1000));
}

// Converts the local times of date fields, in the time zone of the reader's browser.
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
 * The instants at which the clocks of the reader's zone show a time such as `2027-03-01T09:00`, earliest first: none where the clocks are
 * put forward over it, two where they are put back over it. Undefined for a text that is no day and time.
 */
export function instantsOf(text: string): readonly number[] | undefined {
  const parts = LOCAL.exec(text);
  if (parts === null) return undefined;
  const [year = 0, month = 0, day = 0, hour = 0, minute = 0, second = 0] = parts
    .slice(1)
    .map((part) => Number(part ?? 0));
  const wall = Date.UTC(year, month - 1, day, hour, minute, second);
  if (new Date(wall).toISOString().slice(0, 16) !== text.slice(0, 16)) return undefined;
  // A zone changes its offset at most once within two days, so these are all the offsets that can apply.
  const offsets = new Set([offsetMs(wall - 2 * DAY_MS), offsetMs(wall + 2 * DAY_MS)]);
  return [...offsets]
    .map((offset) => wall - offset)
    .filter((instant) => instant + offsetMs(instant) === wall)
    .sort((one, other) => one - other);
}

/** A time as the fields of a form have it. */
export interface LocalTime {
  /** The time to the minute, such as `2027-03-01T09:00`. */
  text: string;
  /** Which of the two instants with this text is meant; empty where there is only one. */
  occurrence: string;
}

/** Return the time that the clocks of the reader's zone show at an instant. */
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

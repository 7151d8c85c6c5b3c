// The server's time, counted by `performance.now()`, a clock that cannot be set, and never by the computer's time of day.
import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";

/** How far the server's time is ahead of `performance.now()`, in milliseconds. */
let offset: number | undefined;

/**
 * Take the server's time from a response that has just come. Each one is older than now by the time it was on its way, so the highest
 * offset is the nearest to the truth.
 */
export function noteServerTime(time: Timestamp | undefined): void {
  if (time === undefined) return;
  const found = timestampMs(time) - performance.now();
  if (offset === undefined || found > offset) offset = found;
}

/** Return the server's time in milliseconds, or undefined before any response has brought it. It is never ahead of the truth. */
export function serverNow(): number | undefined {
  return offset === undefined ? undefined : offset + performance.now();
}

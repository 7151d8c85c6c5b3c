// The server's time. The time that has passed since a response is measured with `performance.now()` and not with the
// computer's clock, because people can set the computer's clock.
import { type Timestamp, timestampMs } from "@bufbuild/protobuf/wkt";

/** How far the server's time is ahead of `performance.now()`, in milliseconds. */
let offset: number | undefined;

/**
 * Update the offset from the time in a response that has just arrived. The transmission of the response took some time,
 * so the server's time is now later than the time in the response. Therefore the highest offset of all responses is the
 * most accurate.
 */
export function noteServerTime(time: Timestamp | undefined): void {
  if (time === undefined) return;
  const found = timestampMs(time) - performance.now();
  if (offset === undefined || found > offset) offset = found;
}

/**
 * Return the server's time in milliseconds; undefined before the first response with a time. The result is never ahead
 * of the server's clock.
 */
export function serverNow(): number | undefined {
  return offset === undefined ? undefined : offset + performance.now();
}

// What this browser stores of a running attempt, so that a reload without a connection shows it again: the pages' shell by a service worker,
// and the attempt with its person by this module. One attempt at most, of the person who is signed in; nothing stays after a sign-out.
// Browsers offer this on secure addresses only; elsewhere a reload needs the connection.
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import { timestampFromMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { serverNow } from "../api/server-time";
import { type Attempt, AttemptSchema } from "../gen/proctorium/assessment/v1/attempts_pb";
import { type Person, PersonSchema } from "../gen/proctorium/enrollment/v1/people_pb";
import { clearStored, readStored, writeStored } from "./cache-storage";

const WORKER = "/sw.js";

export interface OfflineAttempt {
  person: Person;
  attempt: Attempt;
}

/** Store a running attempt and its person, and have the shell stored. */
export async function storeOffline(person: Person, attempt: Attempt): Promise<void> {
  await Promise.all([
    writeStored("person", toBinary(PersonSchema, person)),
    writeStored("attempt", toBinary(AttemptSchema, withServerTime(attempt))),
    writeStored("stored-at", new TextEncoder().encode(String(Date.now()))),
  ]);
  if ("serviceWorker" in navigator) await navigator.serviceWorker.register(WORKER).catch(() => undefined);
}

function withServerTime(attempt: Attempt): Attempt {
  const now = serverNow();
  return now === undefined ? attempt : { ...attempt, serverTime: timestampFromMs(Math.round(now)) };
}

/** Return the attempt that is stored, with the server's time as it probably is now. */
export async function loadOffline(): Promise<OfflineAttempt | undefined> {
  const [person, attempt, storedAt] = await Promise.all([
    readStored("person"),
    readStored("attempt"),
    readStored("stored-at"),
  ]);
  if (person === undefined || attempt === undefined || storedAt === undefined) return undefined;
  try {
    const found = fromBinary(AttemptSchema, attempt);
    return {
      person: fromBinary(PersonSchema, person),
      attempt: atPresent(found, Number(new TextDecoder().decode(storedAt))),
    };
  } catch {
    // Stored by another version of these pages.
    return undefined;
  }
}

/**
 * Move the attempt's server time on by what the computer's clock says has passed. Nothing but the clock on the page depends on it, and only
 * until the server is reached; a clock that was set back shows no more time than was left before.
 */
function atPresent(attempt: Attempt, storedAt: number): Attempt {
  if (attempt.serverTime === undefined) return attempt;
  const passed = Math.max(0, Date.now() - storedAt);
  return { ...attempt, serverTime: timestampFromMs(timestampMs(attempt.serverTime) + passed) };
}

/** Remove the stored attempt, after its submission. */
export async function clearOffline(): Promise<void> {
  await clearStored();
}

/** Remove everything that was stored, the shell too. */
export async function clearOfflineAndShell(): Promise<void> {
  await clearStored();
  if (!("serviceWorker" in navigator)) return;
  for (const registration of await navigator.serviceWorker.getRegistrations()) await registration.unregister();
  for (const name of await caches.keys()) await caches.delete(name);
}

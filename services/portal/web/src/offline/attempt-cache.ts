// The offline copy of a running attempt. With this copy, the page can show the attempt after a reload without a
// connection. This module stores the attempt and its learner. A service worker stores the shell of the pages: the
// document, the scripts and the styles. A device stores at most one attempt. The attempt belongs to the signed-in
// person, and signing out removes the attempt. Browsers support the cache storage and service workers only over HTTPS.
// Over plain HTTP, a reload needs a connection.
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

/** Store a running attempt and its person. Register the service worker, which stores the shell. */
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

/**
 * Return the stored attempt and its person, with an estimate of the server's current time; undefined if there is none.
 */
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
    // Another version of the pages stored the attempt in a format that this version cannot read.
    return undefined;
  }
}

/**
 * Advance the attempt's server time by the time that has passed on the computer's clock since the attempt was stored.
 * Only the clock on the page uses this estimate, and only until the server is reached. If the computer's clock was set
 * back, the remaining time is at most the time that remained when the attempt was stored.
 */
function atPresent(attempt: Attempt, storedAt: number): Attempt {
  if (attempt.serverTime === undefined) return attempt;
  const passed = Math.max(0, Date.now() - storedAt);
  return { ...attempt, serverTime: timestampFromMs(timestampMs(attempt.serverTime) + passed) };
}

/** Remove the stored attempt and its person. */
export async function clearOffline(): Promise<void> {
  await clearStored();
}

/** Remove the stored attempt, the service worker and the shell. */
export async function clearOfflineAndShell(): Promise<void> {
  await clearStored();
  if (!("serviceWorker" in navigator)) return;
  for (const registration of await navigator.serviceWorker.getRegistrations()) await registration.unregister();
  for (const name of await caches.keys()) await caches.delete(name);
}

// What this browser stores about its role as a writer: the id of the device, and the writer epoch of each attempt.
import { newId } from "../api/ids";

const DEVICE_KEY = "proctorium.device";
const EPOCH_PREFIX = "proctorium.epoch.";

let fallbackId: string | undefined;

/** Return the random id of this browser. If the browser forbids storage, the id is valid until the page is closed. */
export function deviceId(): string {
  try {
    const stored = localStorage.getItem(DEVICE_KEY);
    if (stored !== null) return stored;
    const created = newId();
    localStorage.setItem(DEVICE_KEY, created);
    return created;
  } catch {
    fallbackId ??= newId();
    return fallbackId;
  }
}

/** Return the newest writer epoch that this browser has received for an attempt; 0 if it has received none. */
export function storedEpoch(attemptId: string): bigint {
  try {
    return BigInt(localStorage.getItem(EPOCH_PREFIX + attemptId) ?? 0);
  } catch {
    return 0n;
  }
}

export function storeEpoch(attemptId: string, epoch: bigint): void {
  try {
    localStorage.setItem(EPOCH_PREFIX + attemptId, String(epoch));
  } catch {
    // The browser has no space or forbids storage. After a reload without a connection, changes have the epoch 0.
  }
}

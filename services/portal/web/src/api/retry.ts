// Retries with exponential backoff.
import { isUnreachable, toProblem } from "./errors";

export const INITIAL_BACKOFF_MS = 500;
const MAX_BACKOFF_MS = 8000;

/** Return the backoff after `backoff`: twice as long, up to a maximum. */
export function nextBackoff(backoff: number): number {
  return Math.min(backoff * 2, MAX_BACKOFF_MS);
}

/** Wait for `milliseconds`, or until `signal` is aborted. */
export function sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const wake = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", wake);
      resolve();
    };
    const timer = setTimeout(wake, milliseconds);
    signal?.addEventListener("abort", wake);
  });
}

/**
 * Make a call, and retry the call while the server is unreachable, until `signal` is aborted. Other errors are thrown.
 * `onFailure` is called with the error before each retry.
 */
export async function retryWhileUnreachable<Response>(
  call: () => Promise<Response>,
  signal?: AbortSignal,
  onFailure?: (thrown: unknown) => void,
): Promise<Response> {
  for (let backoff = INITIAL_BACKOFF_MS; ; backoff = nextBackoff(backoff)) {
    try {
      return await call();
    } catch (thrown) {
      if (!isUnreachable(thrown) || signal?.aborted) throw thrown;
      onFailure?.(thrown);
      await sleep(backoff, signal);
      if (signal?.aborted) throw thrown;
    }
  }
}

const MAX_CREATION_CALLS = 30;
const CREATION_INTERVAL_MS = 1000;

/**
 * Make a call, and retry the call every second for half a minute while it fails with `reason`. Use this function for an
 * object whose ID is known before the object exists: one service has returned the ID, and another service creates the
 * object when it receives an event a moment later.
 */
export async function retryUntilCreated<Response>(reason: string, call: () => Promise<Response>): Promise<Response> {
  for (let calls = 1; ; calls += 1) {
    try {
      return await call();
    } catch (thrown) {
      if (toProblem(thrown).reason !== reason || calls === MAX_CREATION_CALLS) throw thrown;
      await sleep(CREATION_INTERVAL_MS);
    }
  }
}

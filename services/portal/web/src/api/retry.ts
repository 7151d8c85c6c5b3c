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

/** Make a call and retry it while the server is unreachable, until `signal` is aborted; other errors are thrown. `onFailure` receives each failure. */
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
 * Make a call and retry it every second, for half a minute, while it fails with `reason`: what it asks for is created by an event, a moment
 * after another service has returned its id.
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

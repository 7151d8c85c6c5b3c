// Trying again while nobody answers, after pauses that grow.
import { isAway } from "./calls";

export const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 8000;

/** The pause after this one. */
export function longer(pause: number): number {
  return Math.min(pause * 2, LONGEST_PAUSE_MS);
}

/** Waits so long, or until `signal`. */
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

/** Tries a call until somebody answers or `signal`; what the server refuses is thrown. `away` hears of each time that nobody answered. */
export async function untilAnswered<Answered>(
  call: () => Promise<Answered>,
  signal?: AbortSignal,
  away?: (thrown: unknown) => void,
): Promise<Answered> {
  for (let pause = FIRST_PAUSE_MS; ; pause = longer(pause)) {
    try {
      return await call();
    } catch (thrown) {
      if (!isAway(thrown) || signal?.aborted) throw thrown;
      away?.(thrown);
      await sleep(pause, signal);
      if (signal?.aborted) throw thrown;
    }
  }
}

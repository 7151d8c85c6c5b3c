// Open streams that show what is true now, and come back by themselves.
import type { CallOptions } from "@connectrpc/connect";
import { useEffect, useRef, useState } from "preact/hooks";
import { FIRST_PAUSE_MS, longer, sleep } from "./again";
import { isAway, type Problem, problemOf } from "./calls";

export interface Live<View> {
  /** What was shown last. */
  view: View | undefined;
  /** Whether the stream is open now: the server says so when it lets it in, and may have nothing new to show. */
  connected: boolean;
  /** Why it will not come back. */
  problem: Problem | undefined;
}

/**
 * Watches a stream. `open` is given the cursor to come back with and the options of the call; `merge` makes the view of the one before and a message.
 * It is opened anew when `key` changes, and when it breaks, after a pause that grows while nobody answers; its own end is the end.
 * A stream ends with the token that it was opened with: opening it again renews the token, and what was shown stays as it is meanwhile.
 */
export function useLive<Message extends { cursor?: string }, View>(
  key: string,
  open: (cursor: string, options: CallOptions) => AsyncIterable<Message>,
  merge: (before: View | undefined, message: Message) => View,
): Live<View> {
  const [live, setLive] = useState<Live<View>>({ view: undefined, connected: false, problem: undefined });
  const latest = useRef({ open, merge });
  latest.current = { open, merge };
  useEffect(() => {
    const hangUp = new AbortController();
    void follow(hangUp.signal);
    return () => hangUp.abort();

    async function follow(signal: AbortSignal): Promise<void> {
      let cursor = "";
      let pause = FIRST_PAUSE_MS;
      let view: View | undefined;
      const isOpen = (): void => setLive({ view, connected: true, problem: undefined });
      while (!signal.aborted) {
        const opened = performance.now();
        try {
          for await (const message of latest.current.open(cursor, { signal, timeoutMs: 0, onHeader: isOpen })) {
            cursor = message.cursor ?? "";
            view = latest.current.merge(view, message);
            pause = FIRST_PAUSE_MS;
            isOpen();
          }
          // Its own end: what was shown last is final.
          return;
        } catch (thrown) {
          if (signal.aborted) return;
          const expired = problemOf(thrown).reason === "TOKEN_EXPIRED";
          // One that is over as soon as it was opened is not opened again at once: a clock may be wrong.
          if (expired && performance.now() - opened > FIRST_PAUSE_MS) continue;
          if (!expired && !isAway(thrown)) {
            setLive({ view, connected: false, problem: problemOf(thrown) });
            return;
          }
          pause = longer(pause);
          setLive({ view, connected: false, problem: undefined });
        }
        await sleep(pause, signal);
      }
    }
  }, [key]);
  return live;
}

// Streams that keep a view up to date and reconnect automatically.
import type { CallOptions } from "@connectrpc/connect";
import { useEffect, useRef, useState } from "preact/hooks";
import { FIRST_PAUSE_MS, longer, sleep } from "./again";
import { isAway, type Problem, problemOf } from "./calls";

/** A stream that ends is reopened within this time, at random moments so that not all clients reconnect at once; after it the connection counts as lost. */
const RENEWAL_MS = 3000;
const SPREAD_MS = 500;

/** Services send a heartbeat on an idle stream every fifteen seconds: one that is silent for this long has lost its connection. */
const SILENCE_MS = 37_500;

/** Response headers arrive at once: a stream without them uses a connection that the network has dropped without notice. */
const OPENING_MS = 10_000;

export interface Live<View> {
  /** What was shown last. */
  view: View | undefined;
  /** Whether the stream is open now: the server says so when it lets it in, and may have nothing new to show. */
  connected: boolean;
  /** Why it will not be reopened. */
  problem: Problem | undefined;
}

/** A live view that can be reopened, to get a whole snapshot and the server's current time. */
export interface Reopenable<View> extends Live<View> {
  reopen: () => void;
}

/**
 * Watches a stream. `open` is given the cursor to come back with and the options of the call; `merge` makes the view of the one before and a message.
 * It is opened again when `key` changes, and when it breaks: at first soon and without a word, for streams end as a matter of course (with
 * their token, with a replica of the service), then after pauses that grow while nobody answers. Its own end is the end.
 * It does not come back by itself after a refusal. TOO_MANY_STREAMS is one: two windows that took turns in ending each other's stream would
 * never rest, so the oldest window shows the reason until it is reloaded.
 */
export function useLive<Message extends { cursor?: string }, View>(
  key: string,
  open: (cursor: string, options: CallOptions) => AsyncIterable<Message>,
  merge: (before: View | undefined, message: Message) => View,
): Reopenable<View> {
  const [live, setLive] = useState<Live<View>>({ view: undefined, connected: false, problem: undefined });
  const latest = useRef({ open, merge });
  latest.current = { open, merge };
  const again = useRef<() => void>(() => {});
  const { current: reopen } = useRef(() => again.current());
  useEffect(() => {
    const hangUp = new AbortController();
    void follow(hangUp.signal);
    return () => hangUp.abort();

    async function follow(signal: AbortSignal): Promise<void> {
      let cursor = "";
      let pause = FIRST_PAUSE_MS;
      let view: View | undefined;
      let isLost = true;
      let renewal: ReturnType<typeof setTimeout> | undefined;
      signal.addEventListener("abort", () => clearTimeout(renewal));
      const lose = (problem?: Problem): void => {
        clearTimeout(renewal);
        renewal = undefined;
        isLost = true;
        setLive({ view, connected: false, problem });
      };
      while (!signal.aborted) {
        const opened = performance.now();
        const line = new Line(signal);
        let asked = false;
        again.current = () => {
          asked = true;
          cursor = "";
          line.hangUp();
        };
        const isOpen = (): void => {
          line.heard();
          clearTimeout(renewal);
          renewal = undefined;
          isLost = false;
          setLive({ view, connected: true, problem: undefined });
        };
        try {
          for await (const message of latest.current.open(cursor, { signal: line.signal, timeoutMs: 0, onHeader: isOpen })) {
            cursor = message.cursor ?? "";
            view = latest.current.merge(view, message);
            pause = FIRST_PAUSE_MS;
            isOpen();
          }
          // Its own end: what was shown last is final.
          return;
        } catch (thrown) {
          if (signal.aborted) return;
          if (asked) continue;
          const expired = problemOf(thrown).reason === "TOKEN_EXPIRED";
          // One that is over as soon as it was opened is not opened again at once: a clock may be wrong.
          if (expired && performance.now() - opened > FIRST_PAUSE_MS) continue;
          if (!expired && !isAway(thrown)) {
            lose(problemOf(thrown));
            return;
          }
          if (!isLost && renewal === undefined) {
            renewal = setTimeout(() => lose(), RENEWAL_MS);
            await sleep(Math.random() * SPREAD_MS, signal);
            continue;
          }
          lose();
          pause = longer(pause);
        } finally {
          line.hangUp();
        }
        await sleep(pause, signal);
      }
    }
  }, [key]);
  return { ...live, reopen };
}

/** One connection of a stream; `signal` ends it when it is no longer wanted, does not open in time, or is silent for too long. */
class Line {
  readonly #own = new AbortController();
  readonly #wanted: AbortSignal;
  #silence: ReturnType<typeof setTimeout> | undefined;

  constructor(wanted: AbortSignal) {
    this.#wanted = wanted;
    wanted.addEventListener("abort", this.hangUp);
    this.#silence = setTimeout(this.hangUp, OPENING_MS);
  }

  get signal(): AbortSignal {
    return this.#own.signal;
  }

  heard(): void {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(this.hangUp, SILENCE_MS);
  }

  readonly hangUp = (): void => {
    clearTimeout(this.#silence);
    this.#wanted.removeEventListener("abort", this.hangUp);
    this.#own.abort();
  };
}

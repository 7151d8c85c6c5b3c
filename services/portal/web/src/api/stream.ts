// Streams that keep a view up to date and reconnect automatically.
import type { CallOptions } from "@connectrpc/connect";
import { isUnreachable, type Problem, toProblem } from "./errors";
import { INITIAL_BACKOFF_MS, nextBackoff, sleep } from "./retry";

/** A stream that ends is reopened within this time, at random moments so that not all clients reconnect at once; after it the connection counts as lost. */
const RENEWAL_MS = 3000;
const MAX_JITTER_MS = 500;

/** Services send a heartbeat on an idle stream every 15 seconds: a stream without a message for this long has lost its connection. */
const SILENCE_TIMEOUT_MS = 37_500;

/** Response headers arrive at once: a stream without them uses a connection that the network has dropped without notice. */
const OPEN_TIMEOUT_MS = 10_000;

export interface StreamState<View> {
  /** The last view; it stays while the connection is lost. */
  view: View | undefined;
  /** Whether the stream is open: the server sends headers when it accepts the call, and may have no message yet. */
  connected: boolean;
  /** Why the stream will not be reopened. */
  problem: Problem | undefined;
}

export interface StreamOptions<Message, View> {
  /** Opens the stream after a cursor, or from the start for an empty one. */
  open: (cursor: string, options: CallOptions) => AsyncIterable<Message>;
  /** Returns the view after one more message. */
  merge: (before: View | undefined, message: Message) => View;
  onChange: (state: StreamState<View>) => void;
}

export interface Stream {
  /** Opens the stream again from the start, for a whole snapshot and the server's current time. */
  reopen: () => void;
  close: () => void;
}

/**
 * Watch a stream until it is closed or the server ends it. When it breaks, it is reopened after its last cursor: at first soon and without
 * notice, because streams end regularly (with their token, with a replica of the service), then with exponential backoff while the server
 * is unreachable. It is not reopened after an error. TOO_MANY_STREAMS is one: two windows that reopened streams would end each other's
 * forever, so the oldest window shows the reason until it is reloaded.
 */
export function watchStream<Message extends { cursor?: string }, View>({
  open,
  merge,
  onChange,
}: StreamOptions<Message, View>): Stream {
  const closed = new AbortController();
  const { signal } = closed;
  let cursor = "";
  let view: View | undefined;
  let isLost = true;
  let renewal: ReturnType<typeof setTimeout> | undefined;
  let connection: Connection | undefined;
  let isReopening = false;
  signal.addEventListener("abort", () => clearTimeout(renewal));

  const endRenewal = (): void => {
    clearTimeout(renewal);
    renewal = undefined;
  };
  const lose = (problem?: Problem): void => {
    endRenewal();
    isLost = true;
    onChange({ view, connected: false, problem });
  };
  const connected = (): void => {
    connection?.extend();
    endRenewal();
    isLost = false;
    onChange({ view, connected: true, problem: undefined });
  };

  async function watch(): Promise<void> {
    let backoff = INITIAL_BACKOFF_MS;
    while (!signal.aborted) {
      const openedAt = performance.now();
      connection = new Connection(signal);
      isReopening = false;
      try {
        for await (const message of open(cursor, { signal: connection.signal, timeoutMs: 0, onHeader: connected })) {
          cursor = message.cursor ?? "";
          view = merge(view, message);
          backoff = INITIAL_BACKOFF_MS;
          connected();
        }
        // The server has ended the stream: the last view is final.
        return;
      } catch (thrown) {
        if (signal.aborted) return;
        if (isReopening) continue;
        const expired = toProblem(thrown).reason === "TOKEN_EXPIRED";
        // A stream that expires as soon as it is opened is not reopened at once: a clock may be wrong.
        if (expired && performance.now() - openedAt > INITIAL_BACKOFF_MS) continue;
        if (!expired && !isUnreachable(thrown)) {
          lose(toProblem(thrown));
          return;
        }
        if (!isLost && renewal === undefined) {
          renewal = setTimeout(lose, RENEWAL_MS);
          await sleep(Math.random() * MAX_JITTER_MS, signal);
          continue;
        }
        lose();
        backoff = nextBackoff(backoff);
      } finally {
        connection.close();
      }
      await sleep(backoff, signal);
    }
  }

  void watch();
  return {
    reopen: () => {
      isReopening = true;
      cursor = "";
      connection?.close();
    },
    close: () => closed.abort(),
  };
}

/** One connection of a stream; its signal aborts when it is closed, does not open in time, or is silent for too long. */
class Connection {
  readonly #controller = new AbortController();
  readonly #streamClosed: AbortSignal;
  #timeout: ReturnType<typeof setTimeout>;

  constructor(streamClosed: AbortSignal) {
    this.#streamClosed = streamClosed;
    streamClosed.addEventListener("abort", this.close);
    this.#timeout = setTimeout(this.close, OPEN_TIMEOUT_MS);
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Waits for the next message from now on. */
  extend(): void {
    clearTimeout(this.#timeout);
    this.#timeout = setTimeout(this.close, SILENCE_TIMEOUT_MS);
  }

  readonly close = (): void => {
    clearTimeout(this.#timeout);
    this.#streamClosed.removeEventListener("abort", this.close);
    this.#controller.abort();
  };
}

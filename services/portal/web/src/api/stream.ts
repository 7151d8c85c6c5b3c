// Streams that keep a view up to date and reconnect automatically.
import type { CallOptions } from "@connectrpc/connect";
import { isUnreachable, type Problem, toProblem } from "./errors";
import { INITIAL_BACKOFF_MS, nextBackoff, sleep } from "./retry";

/** The time in which a broken stream must reconnect. After this time, the connection counts as lost. */
const RENEWAL_MS = 3000;
/** The maximum of the random delay before a broken stream is reopened, so that not all clients reconnect at once. */
const MAX_JITTER_MS = 500;

/**
 * The silence after which the connection of a stream counts as broken. Services send a heartbeat on an idle stream
 * every 15 seconds.
 */
const SILENCE_TIMEOUT_MS = 37_500;

/**
 * The time in which the response headers must arrive. Services send headers immediately. If the headers do not arrive,
 * the network has dropped the connection without notice.
 */
const OPEN_TIMEOUT_MS = 10_000;

export interface StreamState<View> {
  /** The last view. It remains available while the connection is lost. */
  view: View | undefined;
  /**
   * Whether the server has accepted the stream and the connection is not lost. The server accepts a stream by sending
   * headers, and may have no message yet.
   */
  connected: boolean;
  /** The error after which the stream is not reopened; undefined if there is none. */
  problem: Problem | undefined;
}

export interface StreamOptions<Message, View> {
  /** Opens the stream after `cursor`, or from the start if `cursor` is empty. */
  open: (cursor: string, options: CallOptions) => AsyncIterable<Message>;
  /** Returns the view that results from `message` and the view `before`. */
  merge: (before: View | undefined, message: Message) => View;
  onChange: (state: StreamState<View>) => void;
}

export interface Stream {
  /** Reopens the stream from the start, to receive a complete snapshot and the server's current time. */
  reopen: () => void;
  close: () => void;
}

/**
 * Watch a stream until it is closed or the server ends it. A broken stream is reopened after its last cursor. The first
 * time, this happens soon and without notice, because streams also break in normal operation: when the token expires,
 * or when a replica of the service stops. After that, the stream is reopened with exponential backoff while the server
 * is unreachable. If the service returns another error, the stream is not reopened. One such error is TOO_MANY_STREAMS,
 * with which the service ends the oldest stream of a person. If the page reopened this stream, the service would end
 * the next stream, and the windows would end one another's streams forever. Therefore the oldest window shows the
 * reason until it is reloaded.
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
        // The server ended the stream without an error, so the last view is final.
        return;
      } catch (thrown) {
        if (signal.aborted) return;
        if (isReopening) continue;
        const expired = toProblem(thrown).reason === "TOKEN_EXPIRED";
        // If the token expires as soon as the stream is opened, the clock of a service may be wrong. In this case, wait
        // for the backoff, because reopening the stream at once would be an endless loop.
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

/**
 * One connection of a stream. `signal` is aborted when the connection is closed, does not open in time, or is silent
 * for too long.
 */
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

  /** Restart the timeout, because headers or a message have arrived. */
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

import { type CallOptions, Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { ErrorInfoSchema } from "../gen/google/rpc/error_details_pb";
import { type Stream, type StreamState, watchStream } from "./stream";

interface Message {
  cursor: string;
  text: string;
}

function refusal(reason: string): ConnectError {
  return new ConnectError(reason, Code.Unauthenticated, undefined, [{ desc: ErrorInfoSchema, value: { reason } }]);
}

const UNREACHABLE = new ConnectError("no connection", Code.Unavailable);

/** One opening of the stream. With this object, the test acts as the server. */
class Opening {
  readonly #queue: (Message | Error | "end")[] = [];
  #wake: (() => void) | undefined;

  constructor(
    readonly cursor: string,
    readonly options: CallOptions,
  ) {
    options.signal?.addEventListener("abort", () => this.push(new ConnectError("aborted", Code.Canceled)));
  }

  sendHeaders(): void {
    this.options.onHeader?.(new Headers());
  }

  push(...items: (Message | Error | "end")[]): void {
    this.#queue.push(...items);
    this.#wake?.();
  }

  async *messages(): AsyncGenerator<Message> {
    for (;;) {
      const item = this.#queue.shift();
      if (item === undefined) await new Promise<void>((resolve) => (this.#wake = resolve));
      else if (item === "end") return;
      else if (item instanceof Error) throw item;
      else yield item;
    }
  }
}

let openings: Opening[];
let openedAt: number[];
let states: StreamState<string>[];
let stream: Stream;

beforeEach(async () => {
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0.5);
  openings = [];
  openedAt = [];
  states = [];
  stream = watchStream<Message, string>({
    open: (cursor, options) => {
      const opening = new Opening(cursor, options);
      openings.push(opening);
      openedAt.push(performance.now());
      return opening.messages();
    },
    merge: (before, { text }) => (before === undefined ? text : `${before} ${text}`),
    onChange: (state) => states.push(state),
  });
  await vi.advanceTimersByTimeAsync(0);
});

afterEach(() => {
  stream.close();
  vi.restoreAllMocks();
  vi.useRealTimers();
});

function last(): { opening: Opening; state: StreamState<string> | undefined } {
  return { opening: openings.at(-1) as Opening, state: states.at(-1) };
}

/** Send headers and a message on the newest opening. */
async function deliver(cursor: string, text: string): Promise<void> {
  last().opening.sendHeaders();
  last().opening.push({ cursor, text });
  await vi.advanceTimersByTimeAsync(0);
}

async function fail(error: Error): Promise<void> {
  last().opening.push(error);
  await vi.advanceTimersByTimeAsync(0);
}

test("headers alone mean that the stream is connected", async () => {
  last().opening.sendHeaders();
  expect(last().state).toEqual({ view: undefined, connected: true, problem: undefined });
});

test("a broken stream is reopened at its cursor within half a second, without a word", async () => {
  await deliver("c1", "one");
  await fail(UNREACHABLE);
  await vi.advanceTimersByTimeAsync(250);
  expect(openings.map(({ cursor }) => cursor)).toEqual(["", "c1"]);
  await deliver("c2", "two");
  expect(last().state).toEqual({ view: "one two", connected: true, problem: undefined });
  expect(states.every(({ connected }) => connected)).toBe(true);
});

test("a stream that is not open again after three seconds counts as lost, and keeps its view", async () => {
  await deliver("c1", "one");
  await fail(UNREACHABLE);
  await vi.advanceTimersByTimeAsync(2999);
  expect(last().state?.connected).toBe(true);
  await vi.advanceTimersByTimeAsync(1);
  expect(last().state).toEqual({ view: "one", connected: false, problem: undefined });
});

test("while the server is unreachable, the pauses between openings grow to eight seconds", async () => {
  for (let count = 0; count < 7; count += 1) {
    await fail(UNREACHABLE);
    await vi.advanceTimersToNextTimerAsync();
    while (openings.length < count + 2) await vi.advanceTimersToNextTimerAsync();
  }
  const pauses = openedAt.slice(1).map((at, index) => at - (openedAt[index] ?? 0));
  expect(pauses).toEqual([1000, 2000, 4000, 8000, 8000, 8000, 8000]);
});

test("a message resets the pauses", async () => {
  await fail(UNREACHABLE);
  await vi.advanceTimersByTimeAsync(1000);
  await fail(UNREACHABLE);
  await vi.advanceTimersByTimeAsync(2000);
  await deliver("c1", "one");
  await fail(UNREACHABLE);
  await vi.advanceTimersByTimeAsync(250);
  expect(openings).toHaveLength(4);
  await fail(UNREACHABLE);
  await vi.advanceTimersByTimeAsync(1000);
  expect(openings).toHaveLength(5);
});

test("a stream that expires with its token is reopened at once", async () => {
  await deliver("c1", "one");
  await vi.advanceTimersByTimeAsync(30_000);
  await deliver("c2", "two");
  await fail(refusal("TOKEN_EXPIRED"));
  expect(openings.at(-1)?.cursor).toBe("c2");
  expect(last().state?.connected).toBe(true);
});

test("a stream that expires as soon as it is opened is reopened after a pause", async () => {
  await fail(refusal("TOKEN_EXPIRED"));
  expect(openings).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1000);
  expect(openings).toHaveLength(2);
});

test("a stream is not reopened after an error of the service", async () => {
  await deliver("c1", "one");
  await fail(refusal("TOO_MANY_STREAMS"));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(openings).toHaveLength(1);
  expect(last().state).toMatchObject({ view: "one", connected: false, problem: { reason: "TOO_MANY_STREAMS" } });
});

test("a stream that the server ends is final", async () => {
  await deliver("c1", "one");
  last().opening.push("end");
  await vi.advanceTimersByTimeAsync(60_000);
  expect(openings).toHaveLength(1);
  expect(last().state).toEqual({ view: "one", connected: true, problem: undefined });
});

test("a stream without headers is reopened after ten seconds", async () => {
  await vi.advanceTimersByTimeAsync(9_999);
  expect(last().opening.options.signal?.aborted).toBe(false);
  await vi.advanceTimersByTimeAsync(1);
  expect(openings[0]?.options.signal?.aborted).toBe(true);
  await vi.advanceTimersByTimeAsync(1000);
  expect(openings).toHaveLength(2);
});

test("a stream that misses its heartbeats is reopened, and a heartbeat keeps it", async () => {
  await deliver("c1", "one");
  await vi.advanceTimersByTimeAsync(30_000);
  await deliver("c2", "two");
  await vi.advanceTimersByTimeAsync(37_499);
  expect(openings).toHaveLength(1);
  await vi.advanceTimersByTimeAsync(1 + 250);
  expect(openings.map(({ cursor }) => cursor)).toEqual(["", "c2"]);
});

test("reopening starts from the beginning at once", async () => {
  await deliver("c1", "one");
  stream.reopen();
  await vi.advanceTimersByTimeAsync(0);
  expect(openings.map(({ cursor }) => cursor)).toEqual(["", ""]);
});

test("a closed stream stays closed and leaves no timer", async () => {
  await deliver("c1", "one");
  await fail(UNREACHABLE);
  stream.close();
  await vi.advanceTimersByTimeAsync(0);
  expect(vi.getTimerCount()).toBe(0);
  const changes = states.length;
  await vi.advanceTimersByTimeAsync(60_000);
  expect(openings).toHaveLength(1);
  expect(states).toHaveLength(changes);
});

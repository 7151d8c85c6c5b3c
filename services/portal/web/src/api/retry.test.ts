import { Code, ConnectError } from "@connectrpc/connect";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { ErrorInfoSchema } from "../gen/google/rpc/error_details_pb";
import { nextBackoff, retryUntilCreated, retryWhileUnreachable, sleep } from "./retry";

const UNREACHABLE = new ConnectError("no connection", Code.Unavailable);

function refusal(reason: string): ConnectError {
  return new ConnectError("refused", Code.FailedPrecondition, undefined, [
    { desc: ErrorInfoSchema, value: { reason } },
  ]);
}

beforeEach(() => {
  vi.useFakeTimers();
});

afterEach(() => {
  vi.useRealTimers();
});

test("the backoff doubles up to eight seconds", () => {
  expect([500, 1000, 4000, 5000, 8000].map(nextBackoff)).toEqual([1000, 2000, 8000, 8000, 8000]);
});

describe("retryWhileUnreachable", () => {
  test("retries with growing pauses until the server responds", async () => {
    const times: number[] = [];
    const startedAt = performance.now();
    const call = vi.fn(async () => {
      times.push(performance.now() - startedAt);
      if (times.length < 4) throw UNREACHABLE;
      return "response";
    });
    const failures: unknown[] = [];
    const result = retryWhileUnreachable(call, undefined, (thrown) => failures.push(thrown));
    await vi.runAllTimersAsync();
    await expect(result).resolves.toBe("response");
    expect(times).toEqual([0, 500, 1500, 3500]);
    expect(failures).toEqual([UNREACHABLE, UNREACHABLE, UNREACHABLE]);
  });

  test("does not retry what the server refuses", async () => {
    const call = vi.fn(async () => {
      throw refusal("NOT_FOUND");
    });
    await expect(retryWhileUnreachable(call)).rejects.toThrow("refused");
    expect(call).toHaveBeenCalledTimes(1);
  });

  test("stops when it is aborted during a pause", async () => {
    const controller = new AbortController();
    const call = vi.fn(async () => {
      throw UNREACHABLE;
    });
    const result = retryWhileUnreachable(call, controller.signal);
    const rejected = expect(result).rejects.toBe(UNREACHABLE);
    await vi.advanceTimersByTimeAsync(100);
    controller.abort();
    await rejected;
    expect(call).toHaveBeenCalledTimes(1);
    expect(vi.getTimerCount()).toBe(0);
  });
});

describe("retryUntilCreated", () => {
  test("retries every second while the server has not created it", async () => {
    let calls = 0;
    const result = retryUntilCreated("NOT_FOUND", async () => {
      calls += 1;
      if (calls < 3) throw refusal("NOT_FOUND");
      return calls;
    });
    await vi.advanceTimersByTimeAsync(2000);
    await expect(result).resolves.toBe(3);
  });

  test("gives up after half a minute", async () => {
    const call = vi.fn(async () => {
      throw refusal("NOT_FOUND");
    });
    const rejected = expect(retryUntilCreated("NOT_FOUND", call)).rejects.toThrow("refused");
    await vi.runAllTimersAsync();
    await rejected;
    expect(call).toHaveBeenCalledTimes(30);
  });

  test("does not retry other errors", async () => {
    const call = vi.fn(async () => {
      throw refusal("PERMISSION_DENIED");
    });
    await expect(retryUntilCreated("NOT_FOUND", call)).rejects.toThrow("refused");
    expect(call).toHaveBeenCalledTimes(1);
  });
});

test("a sleep ends when it is aborted", async () => {
  const controller = new AbortController();
  const slept = sleep(60_000, controller.signal);
  controller.abort();
  await expect(slept).resolves.toBeUndefined();
});

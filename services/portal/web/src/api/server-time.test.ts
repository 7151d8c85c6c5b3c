import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { beforeEach, expect, test, vi } from "vitest";

beforeEach(() => {
  vi.resetModules();
  vi.useFakeTimers({ now: 0 });
});

test("the server's time is unknown before the first response", async () => {
  const { noteServerTime, serverNow } = await import("./server-time");
  noteServerTime(undefined);
  expect(serverNow()).toBeUndefined();
});

test("the server's time runs on, whatever the computer's clock says", async () => {
  const { noteServerTime, serverNow } = await import("./server-time");
  noteServerTime(timestampFromMs(1_800_000_000_000));
  vi.advanceTimersByTime(5000);
  vi.setSystemTime(0);
  expect(serverNow()).toBe(1_800_000_005_000);
});

test("the response that was fastest on its way counts", async () => {
  const { noteServerTime, serverNow } = await import("./server-time");
  noteServerTime(timestampFromMs(1_800_000_000_000));
  vi.advanceTimersByTime(1000);
  noteServerTime(timestampFromMs(1_800_000_000_400));
  expect(serverNow()).toBe(1_800_000_001_000);
  noteServerTime(timestampFromMs(1_800_000_001_700));
  expect(serverNow()).toBe(1_800_000_001_700);
});

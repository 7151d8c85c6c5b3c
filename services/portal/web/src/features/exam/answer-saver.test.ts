import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError } from "@connectrpc/connect";
import { signal } from "@preact/signals";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import "../../testing/browser";
import { ErrorInfoSchema } from "../../gen/google/rpc/error_details_pb";
import {
  type AnswerChange,
  type Attempt,
  AttemptSchema,
  type SavedAnswer,
  SavedAnswerSchema,
} from "../../gen/proctorium/assessment/v1/attempts_pb";
import { type Answer, AnswerSchema } from "../../gen/proctorium/assessment/v1/items_pb";
import { Journal } from "../../offline/answer-journal";

const PERSON = "lena";
const ATTEMPT = "attempt";

const saveAnswers = vi.fn<(request: { changes: AnswerChange[] }) => Promise<void>>();
const getAttempt = vi.fn<() => Promise<{ attempt: Attempt }>>();
const me = signal<{ personId: string } | null>({ personId: PERSON });
const unconfirmed = signal(false);

const enterAttempt = vi.fn<() => Promise<{ writerEpoch: bigint }>>();

vi.mock("../../api/client", () => ({ attempts: { saveAnswers, getAttempt, enterAttempt } }));
vi.mock("../account/current-user", () => ({
  me,
  unconfirmed,
  isSignedIn: (personId: string) => me.peek()?.personId === personId,
}));

const { AnswerSaver } = await import("./answer-saver");

const UNREACHABLE = new ConnectError("no connection", Code.Unavailable);

function refusal(reason: string, metadata: Record<string, string> = {}): ConnectError {
  return new ConnectError(reason, Code.FailedPrecondition, undefined, [
    { desc: ErrorInfoSchema, value: { reason, metadata } },
  ]);
}

function number(value: number): Answer {
  return create(AnswerSchema, { value: { case: "number", value } });
}

function saved(itemId: string, sequence: number, value: number, saveTimeMs = 0): SavedAnswer {
  return create(SavedAnswerSchema, {
    itemId,
    sequence: BigInt(sequence),
    answer: number(value),
    saveTime: timestampFromMs(saveTimeMs),
  });
}

function attemptWith(answers: SavedAnswer[], lastSequence: number): { attempt: Attempt } {
  return { attempt: create(AttemptSchema, { attemptId: ATTEMPT, answers, lastSequence: BigInt(lastSequence) }) };
}

/** Return the sent changes: for each call, the question, the sequence number and the value of each change. */
function sent(): [string, number, unknown][][] {
  return saveAnswers.mock.calls.map(([{ changes }]) =>
    changes.map(({ itemId, sequence, answer }) => [itemId, Number(sequence), answer?.value.value]),
  );
}

function stored(): unknown[] {
  return new Journal(PERSON, ATTEMPT).list().map(({ change }) => change.answer?.value.value);
}

beforeEach(() => {
  vi.useFakeTimers();
  localStorage.clear();
  me.value = { personId: PERSON };
  unconfirmed.value = false;
  saveAnswers.mockReset().mockResolvedValue();
  getAttempt.mockReset().mockResolvedValue(attemptWith([], 0));
});

afterEach(() => {
  vi.useRealTimers();
});

describe("saving", () => {
  test("a change is stored before it is sent, and removed when it is acknowledged", async () => {
    const saver = new AnswerSaver(PERSON, ATTEMPT);
    saver.change("q1", number(4));
    expect(stored()).toEqual([4]);
    expect(saver.status.value).toBe("saving");
    expect([...saver.pendingItems.value]).toEqual(["q1"]);
    await vi.runAllTimersAsync();
    expect(sent()).toEqual([[["q1", 1, 4]]]);
    expect(stored()).toEqual([]);
    expect(saver.status.value).toBe("saved");
    expect([...saver.pendingItems.value]).toEqual([]);
  });

  test("changes that are made during a call are sent together, in their order, after it", async () => {
    const saver = new AnswerSaver(PERSON, ATTEMPT);
    saver.resume(7n);
    saver.change("q1", number(1));
    saver.change("q2", number(2));
    saver.change("q1", number(3));
    await vi.runAllTimersAsync();
    expect(sent()).toEqual([
      [["q1", 8, 1]],
      [
        ["q2", 9, 2],
        ["q1", 10, 3],
      ],
    ]);
  });

  test("at most a hundred changes are sent at once", async () => {
    const saver = new AnswerSaver(PERSON, ATTEMPT);
    for (let value = 0; value < 250; value += 1) saver.change("q1", number(value));
    await vi.runAllTimersAsync();
    expect(sent().map((changes) => changes.length)).toEqual([1, 100, 100, 49]);
  });

  test("changes of an earlier visit are sent", async () => {
    saveAnswers.mockRejectedValue(UNREACHABLE);
    new AnswerSaver(PERSON, ATTEMPT).change("q1", number(4));
    await vi.advanceTimersByTimeAsync(100);
    vi.clearAllTimers();
    saveAnswers.mockReset().mockResolvedValue();
    new AnswerSaver(PERSON, ATTEMPT).resume(0n);
    await vi.advanceTimersByTimeAsync(0);
    expect(sent()).toEqual([[["q1", 1, 4]]]);
    expect(stored()).toEqual([]);
  });

  test("flush resolves when everything is acknowledged", async () => {
    saveAnswers.mockRejectedValueOnce(UNREACHABLE);
    const saver = new AnswerSaver(PERSON, ATTEMPT);
    saver.change("q1", number(4));
    const flushed = vi.fn();
    void saver.flush().then(flushed);
    await vi.advanceTimersByTimeAsync(400);
    expect(flushed).not.toHaveBeenCalled();
    await vi.advanceTimersByTimeAsync(100);
    expect(flushed).toHaveBeenCalled();
  });
});

describe("without a connection", () => {
  test("changes stay stored, and are retried with growing pauses until they are acknowledged", async () => {
    const times: number[] = [];
    saveAnswers.mockImplementation(async () => {
      times.push(performance.now());
      if (times.length < 7) throw UNREACHABLE;
    });
    const saver = new AnswerSaver(PERSON, ATTEMPT);
    saver.change("q1", number(4));
    await vi.advanceTimersByTimeAsync(1);
    expect(saver.status.value).toBe("offline");
    expect(stored()).toEqual([4]);
    await vi.runAllTimersAsync();
    expect(times.slice(1).map((time, index) => time - (times[index] ?? 0))).toEqual([
      500, 1000, 2000, 4000, 8000, 8000,
    ]);
    expect(saver.status.value).toBe("saved");
    expect(stored()).toEqual([]);
  });

  test("the browser's return to the network ends the pause", async () => {
    saveAnswers.mockRejectedValueOnce(UNREACHABLE);
    const saver = new AnswerSaver(PERSON, ATTEMPT);
    saver.change("q1", number(4));
    await vi.advanceTimersByTimeAsync(1);
    dispatchEvent(new Event("online"));
    await vi.advanceTimersByTimeAsync(0);
    expect(saver.status.value).toBe("saved");
  });

  test("a browser that cannot store a change sends it all the same, and says that it is not stored", async () => {
    const full = vi.spyOn(localStorage, "setItem").mockImplementation(() => {
      throw new DOMException("full", "QuotaExceededError");
    });
    saveAnswers.mockRejectedValueOnce(UNREACHABLE);
    const saver = new AnswerSaver(PERSON, ATTEMPT);
    saver.change("q1", number(4));
    await vi.advanceTimersByTimeAsync(1);
    expect(saver.hasUnstoredChanges.value).toBe(true);
    await vi.runAllTimersAsync();
    expect(sent().at(-1)).toEqual([["q1", 1, 4]]);
    expect(saver.hasUnstoredChanges.value).toBe(false);
    full.mockRestore();
  });
});

describe("whose changes they are", () => {
  test("nothing is sent while somebody else is signed in, and everything when the owner is back", async () => {
    me.value = { personId: "omar" };
    const saver = new AnswerSaver(PERSON, ATTEMPT);
    saver.change("q1", number(4));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent()).toEqual([]);
    expect(saver.status.value).toBe("offline");
    me.value = { personId: PERSON };
    await vi.advanceTimersByTimeAsync(0);
    expect(sent()).toEqual([[["q1", 1, 4]]]);
  });

  test("nothing is sent before the server has confirmed who is signed in", async () => {
    unconfirmed.value = true;
    const saver = new AnswerSaver(PERSON, ATTEMPT);
    saver.change("q1", number(4));
    await vi.advanceTimersByTimeAsync(60_000);
    expect(sent()).toEqual([]);
    unconfirmed.value = false;
    await vi.advanceTimersByTimeAsync(0);
    expect(sent()).toEqual([[["q1", 1, 4]]]);
  });

  test("changes wait while the sign-in is over", async () => {
    saveAnswers.mockRejectedValueOnce(refusal("TOKEN_EXPIRED"));
    const saver = new AnswerSaver(PERSON, ATTEMPT);
    saver.change("q1", number(4));
    await vi.advanceTimersByTimeAsync(1);
    expect(saver.status.value).toBe("offline");
    await vi.runAllTimersAsync();
    expect(saver.status.value).toBe("saved");
  });
});

describe("what the server refuses", () => {
  test("is shown and stays stored", async () => {
    saveAnswers.mockRejectedValue(refusal("ATTEMPT_NOT_FOUND"));
    const saver = new AnswerSaver(PERSON, ATTEMPT);
    saver.change("q1", number(4));
    const flushed = expect(saver.flush()).rejects.toThrow();
    await vi.runAllTimersAsync();
    await flushed;
    expect(saver.status.value).toBe("refused");
    expect(saver.problem.value?.reason).toBe("ATTEMPT_NOT_FOUND");
    expect(stored()).toEqual([4]);
  });

  test("is acknowledged where the server has stored it as late", async () => {
    saveAnswers.mockRejectedValue(refusal("TIME_OVER", { stored: "true" }));
    const saver = new AnswerSaver(PERSON, ATTEMPT);
    saver.change("q1", number(4));
    await vi.runAllTimersAsync();
    expect(saver.hasLateAnswers.value).toBe(true);
    expect(saver.status.value).toBe("saved");
    expect(stored()).toEqual([]);
  });
});

describe("the writer epoch", () => {
  const epochs = (): number[] =>
    saveAnswers.mock.calls.flatMap(([{ changes }]) => changes.map(({ writerEpoch }) => Number(writerEpoch)));

  test("is in each change after the page has entered, and in those of the next visit until it has entered", async () => {
    enterAttempt.mockResolvedValueOnce({ writerEpoch: 3n });
    const saver = new AnswerSaver(PERSON, ATTEMPT);
    saver.change("q1", number(1));
    await saver.enter("request");
    saver.change("q1", number(2));
    await vi.runAllTimersAsync();
    new AnswerSaver(PERSON, ATTEMPT).change("q1", number(3));
    await vi.runAllTimersAsync();
    expect(epochs()).toEqual([0, 3, 3]);
  });

  test("decides which answer is newer, before the sequence number", async () => {
    const saver = new AnswerSaver(PERSON, ATTEMPT);
    saver.noteAttempt(attemptWith([saved("q1", 7, 4)], 7).attempt);
    getAttempt.mockResolvedValue(attemptWith([{ ...saved("q1", 5, 9), writerEpoch: 2n }], 7));
    await saver.loadNewerAnswers();
    expect(saver.superseded.value.get("q1")?.answer?.value.value).toBe(9);
  });

  test("of an older page lets its pending change be sent although another device saved a newer answer", async () => {
    saveAnswers.mockRejectedValueOnce(refusal("SEQUENCE_REUSED"));
    const newer = { ...saved("q1", 5, 50, Number.MAX_SAFE_INTEGER / 4), writerEpoch: 2n };
    getAttempt.mockResolvedValue(attemptWith([newer], 5));
    new AnswerSaver(PERSON, ATTEMPT).change("q1", number(4));
    await vi.runAllTimersAsync();
    expect(sent()).toEqual([[["q1", 1, 4]], [["q1", 6, 4]]]);
  });
});

describe("answers from another device", () => {
  test("change the numbers of pending changes, which are newer", async () => {
    saveAnswers.mockRejectedValueOnce(refusal("SEQUENCE_REUSED"));
    getAttempt.mockResolvedValue(attemptWith([saved("q2", 5, 50)], 5));
    const saver = new AnswerSaver(PERSON, ATTEMPT);
    saver.change("q1", number(4));
    await vi.runAllTimersAsync();
    expect(sent()).toEqual([[["q1", 1, 4]], [["q1", 6, 4]]]);
    expect(saver.superseded.value.size).toBe(0);
  });

  test("replace a pending change to the same question that was made before they were saved", async () => {
    saveAnswers.mockRejectedValueOnce(refusal("SEQUENCE_REUSED"));
    getAttempt.mockResolvedValue(attemptWith([saved("q1", 5, 50, Number.MAX_SAFE_INTEGER / 4)], 5));
    const saver = new AnswerSaver(PERSON, ATTEMPT);
    saver.change("q1", number(4));
    await vi.runAllTimersAsync();
    expect(sent()).toEqual([[["q1", 1, 4]]]);
    expect(saver.superseded.value.get("q1")?.answer?.value.value).toBe(50);
    expect(stored()).toEqual([]);
  });

  test("do not replace a change whose acknowledgement was lost", async () => {
    saveAnswers.mockRejectedValueOnce(refusal("SEQUENCE_REUSED"));
    getAttempt.mockResolvedValue(attemptWith([saved("q1", 1, 4, Number.MAX_SAFE_INTEGER / 4)], 1));
    const saver = new AnswerSaver(PERSON, ATTEMPT);
    saver.change("q1", number(4));
    await vi.runAllTimersAsync();
    expect(sent().at(-1)).toEqual([["q1", 2, 4]]);
    expect(saver.superseded.value.size).toBe(0);
  });

  test("do not include the answer that was known when a change was made", async () => {
    saveAnswers.mockRejectedValueOnce(refusal("SEQUENCE_REUSED"));
    const known = saved("q1", 1, 3, Number.MAX_SAFE_INTEGER / 4);
    getAttempt.mockResolvedValue(attemptWith([known, saved("q2", 2, 50)], 2));
    const saver = new AnswerSaver(PERSON, ATTEMPT);
    saver.resume(1n);
    saver.change("q1", number(4));
    await vi.runAllTimersAsync();
    expect(sent()).toEqual([[["q1", 2, 4]], [["q1", 3, 4]]]);
    expect(saver.superseded.value.size).toBe(0);
  });

  test("are loaded and shown when nothing is pending", async () => {
    const saver = new AnswerSaver(PERSON, ATTEMPT);
    saver.noteAttempt(attemptWith([saved("q1", 1, 4)], 1).attempt);
    getAttempt.mockResolvedValue(attemptWith([saved("q1", 3, 9), saved("q2", 2, 8)], 3));
    await saver.loadNewerAnswers();
    expect([...saver.superseded.value.keys()].sort()).toEqual(["q1", "q2"]);
    saver.change("q1", number(5));
    expect([...saver.superseded.value.keys()]).toEqual(["q2"]);
    await vi.runAllTimersAsync();
    expect(sent()).toEqual([[["q1", 4, 5]]]);
  });

  test("are not loaded over a change that was made during the call", async () => {
    saveAnswers.mockRejectedValue(UNREACHABLE);
    const saver = new AnswerSaver(PERSON, ATTEMPT);
    getAttempt.mockImplementation(async () => {
      saver.change("q1", number(5));
      return attemptWith([saved("q1", 3, 9)], 3);
    });
    await saver.loadNewerAnswers();
    expect(saver.superseded.value.size).toBe(0);
  });

  test("do not matter without a connection", async () => {
    getAttempt.mockRejectedValue(UNREACHABLE);
    const saver = new AnswerSaver(PERSON, ATTEMPT);
    await expect(saver.loadNewerAnswers()).resolves.toBeUndefined();
  });
});

test("the copy for a reload has the answers that the server has, and not the pending ones", async () => {
  const saver = new AnswerSaver(PERSON, ATTEMPT);
  const { attempt } = attemptWith([saved("q1", 1, 4)], 1);
  saver.noteAttempt(attempt);
  saver.resume(1n);
  saver.change("q2", number(5));
  await vi.runAllTimersAsync();
  saveAnswers.mockRejectedValue(UNREACHABLE);
  saver.change("q1", number(6));
  const copy = saver.withSavedAnswers(attempt);
  expect(copy.answers.map(({ itemId, answer }) => [itemId, answer?.value.value])).toEqual([
    ["q1", 4],
    ["q2", 5],
  ]);
});

// The learner's answers on their way to the server: each change is kept on this device until the server has acknowledged it.
import { create, fromJson, toJson } from "@bufbuild/protobuf";
import { timestampNow } from "@bufbuild/protobuf/wkt";
import { signal } from "@preact/signals";
import { attempts, isAway, type Problem, problemOf } from "./calls";
import { type AnswerChange, AnswerChangeSchema } from "./gen/proctorium/assessment/v1/attempts_pb";
import type { Answer } from "./gen/proctorium/assessment/v1/items_pb";

const MOST_AT_ONCE = 100;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5000;
const PLACE = "proctorium.answers.";

export type SaveState = "saved" | "saving" | "offline" | "refused";

const known = new Map<string, Answers>();

/** The answers of one attempt: they live as long as the document, so that leaving the exam room leaves nothing behind unsent. */
export function answersOf(attemptId: string, lastSequence: bigint): Answers {
  const answers = known.get(attemptId) ?? new Answers(attemptId);
  known.set(attemptId, answers);
  answers.resume(lastSequence);
  return answers;
}

/** Sends what is still on this device, of whichever attempt: an earlier visit may have ended without a connection. */
export function sendLeftBehind(): void {
  for (const place of Object.keys(localStorage)) {
    if (place.startsWith(PLACE)) answersOf(place.slice(PLACE.length), 0n);
  }
}

/** Tries a call until somebody answers; what the server refuses is thrown. */
export async function untilAnswered<Answered>(call: () => Promise<Answered>): Promise<Answered> {
  for (let pause = FIRST_PAUSE_MS; ; pause = Math.min(pause * 2, LONGEST_PAUSE_MS)) {
    try {
      return await call();
    } catch (thrown) {
      if (!isAway(thrown)) throw thrown;
      await new Promise((resolve) => setTimeout(resolve, pause));
    }
  }
}

/** Saves one attempt's changes, in order, as often as it takes; survives reload, crash and loss of the network. */
export class Answers {
  readonly state = signal<SaveState>("saved");
  /** The questions whose answers the server has not acknowledged. */
  readonly unsent = signal<ReadonlySet<string>>(new Set());
  /** Whether some came after the bell: the server keeps them, marked, and a person decides (A6). */
  readonly late = signal(false);
  /** Whether this device cannot keep them: then only this page has them. */
  readonly unkept = signal(false);
  readonly problem = signal<Problem | undefined>(undefined);
  private changes: AnswerChange[];
  private sequence: bigint;
  private sending: Promise<void> | undefined;
  private pause = FIRST_PAUSE_MS;
  private wake: (() => void) | undefined;

  constructor(private readonly attemptId: string) {
    this.changes = this.kept();
    this.sequence = this.changes.at(-1)?.sequence ?? 0n;
    this.tell();
    addEventListener("online", () => this.wake?.());
    addEventListener("beforeunload", (event) => {
      if (this.changes.length > 0) event.preventDefault();
    });
  }

  /** Goes on above the last number that the server has, and sends what waits. */
  resume(lastSequence: bigint): void {
    if (lastSequence > this.sequence) this.sequence = lastSequence;
    if (this.changes.length > 0) void this.send();
  }

  /** The changes of this device that the server has not acknowledged: they count over what it says. */
  get unacknowledged(): readonly AnswerChange[] {
    return this.changes;
  }

  /** Keeps a change on this device and sends it. */
  change(itemId: string, answer: Answer): void {
    this.sequence += 1n;
    this.changes.push(
      create(AnswerChangeSchema, { sequence: this.sequence, itemId, answer, clientTime: timestampNow() }),
    );
    this.keep();
    void this.send();
  }

  /** Resolves when everything is acknowledged; rejects when the server refuses. */
  async settled(): Promise<void> {
    while (this.changes.length > 0) {
      await this.send();
      if (this.state.value === "refused") throw new Error(this.problem.value?.sentence);
    }
  }

  private send(): Promise<void> {
    this.sending ??= this.sendAll().finally(() => {
      this.sending = undefined;
    });
    return this.sending;
  }

  private async sendAll(): Promise<void> {
    while (this.changes.length > 0) {
      if (this.state.value !== "offline") this.state.value = "saving";
      const batch = this.changes.slice(0, MOST_AT_ONCE);
      try {
        await this.save(batch);
      } catch (thrown) {
        if (!isAway(thrown)) {
          this.problem.value = problemOf(thrown);
          this.state.value = "refused";
          return;
        }
        this.state.value = "offline";
        await this.rest();
        continue;
      }
      this.pause = FIRST_PAUSE_MS;
      this.keep();
    }
    this.problem.value = undefined;
    this.state.value = "saved";
  }

  /** Sends a batch and takes off what the server has then; one whose numbers another device has used gets new ones instead. */
  private async save(batch: readonly AnswerChange[]): Promise<void> {
    try {
      await attempts.saveAnswers({ attemptId: this.attemptId, changes: [...batch] });
    } catch (thrown) {
      const { reason, metadata } = problemOf(thrown);
      if (reason === "SEQUENCE_REUSED") return await this.renumber();
      if (metadata?.["kept"] !== "true") throw thrown;
      this.late.value = true;
    }
    this.changes = this.changes.filter((change) => !batch.includes(change));
  }

  private async renumber(): Promise<void> {
    const { attempt } = await attempts.getAttempt({ attemptId: this.attemptId });
    this.sequence = attempt?.lastSequence ?? this.sequence;
    this.changes = this.changes.map((change) => {
      this.sequence += 1n;
      return create(AnswerChangeSchema, { ...change, sequence: this.sequence });
    });
  }

  private async rest(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.pause);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.pause = Math.min(this.pause * 2, LONGEST_PAUSE_MS);
  }

  private tell(): void {
    this.unsent.value = new Set(this.changes.map((change) => change.itemId));
  }

  private keep(): void {
    this.tell();
    const place = PLACE + this.attemptId;
    try {
      if (this.changes.length === 0) localStorage.removeItem(place);
      else localStorage.setItem(place, JSON.stringify(this.changes.map((change) => toJson(AnswerChangeSchema, change))));
      this.unkept.value = false;
    } catch {
      // Full, or forbidden by the browser: what is here is sent all the same.
      this.unkept.value = true;
    }
  }

  private kept(): AnswerChange[] {
    try {
      const json = JSON.parse(localStorage.getItem(PLACE + this.attemptId) ?? "[]") as unknown[];
      return json.map((change) => fromJson(AnswerChangeSchema, change as never));
    } catch {
      return [];
    }
  }
}

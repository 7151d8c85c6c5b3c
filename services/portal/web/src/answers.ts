// The learner's answers on their way to the server: each change is kept on this device until the server has acknowledged it.
import { create, toJson, fromJson } from "@bufbuild/protobuf";
import { timestampNow } from "@bufbuild/protobuf/wkt";
import { signal } from "@preact/signals";
import { attempts, isAway, type Problem, problemOf } from "./calls";
import { type AnswerChange, AnswerChangeSchema } from "./gen/proctorium/assessment/v1/attempts_pb";
import type { Answer } from "./gen/proctorium/assessment/v1/items_pb";

const MOST_AT_ONCE = 100;
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5000;

export type SaveState = "saved" | "saving" | "offline" | "refused";

/** Saves one attempt's changes, in order, as often as it takes; survives reload, crash and loss of the network. */
export class Answers {
  readonly state = signal<SaveState>("saved");
  readonly waiting = signal(0);
  readonly problem = signal<Problem | undefined>(undefined);
  private changes: AnswerChange[];
  private sequence: bigint;
  private sending: Promise<void> | undefined;
  private pause = FIRST_PAUSE_MS;
  private wake: (() => void) | undefined;
  private readonly online = (): void => this.wake?.();

  constructor(
    private readonly attemptId: string,
    lastSequence: bigint,
  ) {
    this.changes = this.kept();
    const highest = this.changes.at(-1)?.sequence ?? 0n;
    this.sequence = highest > lastSequence ? highest : lastSequence;
    this.waiting.value = this.changes.length;
    addEventListener("online", this.online);
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
    while (this.changes.length > 0 && this.state.value !== "refused") await this.send();
    if (this.state.value === "refused") throw new Error(this.problem.value?.sentence);
  }

  close(): void {
    removeEventListener("online", this.online);
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
        await attempts.saveAnswers({ attemptId: this.attemptId, changes: batch });
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
      const saved = new Set(batch.map((change) => change.sequence));
      this.changes = this.changes.filter((change) => !saved.has(change.sequence));
      this.keep();
    }
    this.state.value = "saved";
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

  private get place(): string {
    return `proctorium.answers.${this.attemptId}`;
  }

  private keep(): void {
    this.waiting.value = this.changes.length;
    if (this.changes.length === 0) localStorage.removeItem(this.place);
    else {
      const json = this.changes.map((change) => toJson(AnswerChangeSchema, change));
      localStorage.setItem(this.place, JSON.stringify(json));
    }
  }

  private kept(): AnswerChange[] {
    const json = JSON.parse(localStorage.getItem(this.place) ?? "[]") as unknown[];
    return json.map((change) => fromJson(AnswerChangeSchema, change as never));
  }
}

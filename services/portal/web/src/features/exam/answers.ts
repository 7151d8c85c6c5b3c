// The learner's answers on their way to the server: each change is kept on this device until the server has acknowledged it.
import { create } from "@bufbuild/protobuf";
import { timestampMs, timestampNow } from "@bufbuild/protobuf/wkt";
import { signal } from "@preact/signals";
import { FIRST_PAUSE_MS, longer } from "../../again";
import { attempts, isAway, lacksToken, type Problem, problemOf, whenRenewedElsewhere } from "../../calls";
import { type AnswerChange, AnswerChangeSchema, type Attempt, type SavedAnswer } from "../../gen/proctorium/assessment/v1/attempts_pb";
import type { Answer } from "../../gen/proctorium/assessment/v1/items_pb";
import { isKept, type Kept, keep, keptAttempts, keptOf, letGo, madeAt, newPlace } from "./journal";

const MOST_AT_ONCE = 100;

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
  for (const attemptId of keptAttempts()) answersOf(attemptId, 0n);
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
  /** The questions where a newer answer from elsewhere counts over what was given here, and that answer. */
  readonly overruled = signal<ReadonlyMap<string, SavedAnswer>>(new Map());
  readonly problem = signal<Problem | undefined>(undefined);
  private changes: Kept[];
  private readonly unwritten = new Set<Kept>();
  /** The number of the newest answer to each question that this page knows of. */
  private readonly newest = new Map<string, bigint>();
  private sequence: bigint;
  private sending: Promise<void> | undefined;
  private pause = FIRST_PAUSE_MS;
  private wake: (() => void) | undefined;

  constructor(private readonly attemptId: string) {
    this.changes = keptOf(attemptId);
    this.sequence = this.changes.reduce((highest, { change }) => (change.sequence > highest ? change.sequence : highest), 0n);
    this.tell();
    addEventListener("online", () => this.wake?.());
    whenRenewedElsewhere(() => this.wake?.());
    addEventListener("beforeunload", (event) => {
      if (this.changes.length > 0) event.preventDefault();
    });
  }

  /** Goes on above the last number that the server has, and sends what waits: at once, for somebody may have signed in again. */
  resume(lastSequence: bigint): void {
    if (lastSequence > this.sequence) this.sequence = lastSequence;
    this.wake?.();
    if (this.changes.length > 0) void this.send();
  }

  /** Notes what the page shows of an attempt that was loaded. */
  shows({ answers }: Attempt): void {
    for (const { itemId, sequence } of answers) this.know(itemId, sequence);
  }

  /** Looks whether another device or tab has answered meanwhile: what it gave counts, and is shown here too. Without a connection nothing happens. */
  async lookElsewhere(): Promise<void> {
    if (this.changes.length > 0) return;
    const attempt = await attempts.getAttempt({ attemptId: this.attemptId }).then((answer) => answer.attempt, () => undefined);
    // What was typed in the meantime is newer than anything.
    if (attempt === undefined || this.changes.length > 0) return;
    if (attempt.lastSequence > this.sequence) this.sequence = attempt.lastSequence;
    const foreign = attempt.answers.filter(({ itemId, sequence }) => sequence > (this.newest.get(itemId) ?? 0n));
    if (foreign.length === 0) return;
    this.overruled.value = new Map([...this.overruled.value, ...foreign.map((saved) => [saved.itemId, saved] as const)]);
    this.shows(attempt);
  }

  private know(itemId: string, sequence: bigint): void {
    if (sequence > (this.newest.get(itemId) ?? 0n)) this.newest.set(itemId, sequence);
  }

  /** The changes of this device that the server has not acknowledged: they count over what it says. */
  get unacknowledged(): readonly AnswerChange[] {
    return this.changes.map(({ change }) => change);
  }

  /** Keeps a change on this device and sends it. */
  change(itemId: string, answer: Answer): void {
    this.sequence += 1n;
    const made = create(AnswerChangeSchema, { sequence: this.sequence, itemId, answer, clientTime: timestampNow() });
    const kept = { place: newPlace(this.attemptId), change: made };
    this.changes.push(kept);
    this.write(kept);
    this.overruled.value = new Map([...this.overruled.value].filter(([other]) => other !== itemId));
    this.tell();
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
        // Without a sign-in they wait as without a connection: after the next one they are as good as before.
        if (!isAway(thrown) && !lacksToken(thrown)) {
          this.problem.value = problemOf(thrown);
          this.state.value = "refused";
          return;
        }
        this.state.value = "offline";
        await this.rest();
        continue;
      }
      this.pause = FIRST_PAUSE_MS;
      this.tell();
    }
    this.problem.value = undefined;
    this.state.value = "saved";
  }

  /** Sends a batch and takes off what the server has then; one whose numbers another device has used gets new ones instead. */
  private async save(batch: readonly Kept[]): Promise<void> {
    // Tabs that did not know of each other have used the same numbers.
    if (!areRising(batch)) return await this.renumber();
    try {
      await attempts.saveAnswers({ attemptId: this.attemptId, changes: batch.map(({ change }) => change) });
    } catch (thrown) {
      const { reason, metadata } = problemOf(thrown);
      if (reason === "SEQUENCE_REUSED") return await this.renumber();
      if (metadata?.["kept"] !== "true") throw thrown;
      this.late.value = true;
    }
    this.finish(batch);
  }

  private finish(done: readonly Kept[]): void {
    for (const kept of done) {
      this.unwritten.delete(kept);
      letGo(kept);
      this.know(kept.change.itemId, kept.change.sequence);
    }
    this.unkept.value = this.unwritten.size > 0;
    this.changes = this.changes.filter((kept) => !done.includes(kept));
  }

  /** Lifts what waits above the server's numbers, except where an answer that was saved later, from elsewhere, would be replaced by it. */
  private async renumber(): Promise<void> {
    const asked = Date.now();
    const { attempt } = await attempts.getAttempt({ attemptId: this.attemptId });
    if (attempt === undefined) return;
    const ahead = attempt.serverTime ? timestampMs(attempt.serverTime) - (asked + Date.now()) / 2 : 0;
    this.giveWay(attempt, ahead);
    this.sequence = attempt.lastSequence;
    for (const kept of this.changes) {
      this.sequence += 1n;
      kept.change = create(AnswerChangeSchema, { ...kept.change, sequence: this.sequence });
      // Another tab may have seen to it: then it is not kept again.
      if (isKept(kept)) this.write(kept);
    }
  }

  /** Takes off what is older than the server's answer to the same question; `ahead` is how far its clock is before ours. */
  private giveWay(attempt: Attempt, ahead: number): void {
    const foreign = new Map(attempt.answers.filter((saved) => !this.isKnown(saved)).map((saved) => [saved.itemId, saved]));
    const older = this.changes.filter(({ change }) => {
      const saveTime = foreign.get(change.itemId)?.saveTime;
      return saveTime !== undefined && timestampMs(saveTime) > madeAt(change) + ahead;
    });
    this.finish(older);
    const waiting = new Set(this.changes.map(({ change }) => change.itemId));
    const overruled = new Map(this.overruled.value);
    for (const { change } of older) {
      const saved = foreign.get(change.itemId);
      if (saved !== undefined && !waiting.has(change.itemId)) overruled.set(change.itemId, saved);
    }
    this.overruled.value = overruled;
  }

  /** Whether a saved answer was given here or known here when what waits was made; of some the acknowledgement may not have reached us. */
  private isKnown({ sequence, itemId, answer }: SavedAnswer): boolean {
    // All numbers below those that wait were acknowledged to this device, or known to it at the start.
    if (this.changes.every(({ change }) => sequence < change.sequence)) return true;
    return this.changes.some(({ change }) => change.sequence === sequence && change.itemId === itemId && isSame(change.answer, answer));
  }

  private async rest(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.pause);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.pause = longer(this.pause);
  }

  private tell(): void {
    this.unsent.value = new Set(this.changes.map(({ change }) => change.itemId));
    for (const kept of [...this.unwritten]) this.write(kept);
  }

  private write(kept: Kept): void {
    if (keep(kept)) this.unwritten.delete(kept);
    else this.unwritten.add(kept);
    // What is here is sent all the same.
    this.unkept.value = this.unwritten.size > 0;
  }
}

function areRising(changes: readonly Kept[]): boolean {
  return changes.every(({ change }, place) => place === 0 || (changes[place - 1]?.change.sequence ?? 0n) < change.sequence);
}

/** Whether two answers say the same; the order of chosen choices says nothing. */
function isSame(one: Answer | undefined, other: Answer | undefined): boolean {
  return said(one) === said(other);
}

function said(answer: Answer | undefined): string {
  const value = answer?.value;
  return value?.case === "chosen" ? [...value.value.choiceIds].sort().join() : `${value?.case} ${value?.value}`;
}

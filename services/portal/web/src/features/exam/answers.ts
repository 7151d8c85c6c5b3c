// Saves the learner's answers: each change stays in this device's journal until the server has acknowledged it.
import { create } from "@bufbuild/protobuf";
import { timestampMs, timestampNow } from "@bufbuild/protobuf/wkt";
import { signal } from "@preact/signals";
import { FIRST_PAUSE_MS, longer } from "../../again";
import { attempts, isAway, lacksToken, type Problem, problemOf, whenRenewedElsewhere } from "../../calls";
import { type AnswerChange, AnswerChangeSchema, type Attempt, type SavedAnswer, SavedAnswerSchema } from "../../gen/proctorium/assessment/v1/attempts_pb";
import type { Answer } from "../../gen/proctorium/assessment/v1/items_pb";
import { isSignedIn, me, unconfirmed } from "../../me";
import { noteServerTime, serverNow } from "../../server-time";
import { bySequence, compactOthers, Journal, type PendingChange, pendingAttempts } from "./journal";

const MOST_AT_ONCE = 100;

export type SaveState = "saved" | "saving" | "offline" | "refused";

const known = new Map<string, Answers>();

/** Return the answers of an attempt of the person who is signed in. They live as long as the document: leaving the exam room leaves nothing unsent. */
export function answersOf(attemptId: string, lastSequence: bigint): Answers {
  const personId = me.peek()?.personId ?? "";
  const key = `${personId}.${attemptId}`;
  const answers = known.get(key) ?? new Answers(personId, attemptId);
  known.set(key, answers);
  answers.resume(lastSequence);
  return answers;
}

/** Send what this person has left unsent on this device, of any attempt: an earlier visit may have ended without a connection. */
export function sendLeftBehind(personId: string): void {
  compactOthers(personId);
  for (const attemptId of pendingAttempts(personId)) answersOf(attemptId, 0n);
}

/**
 * Saves one attempt's changes, in order, as often as it takes; survives reload, crash and loss of the network. Nothing is sent while
 * somebody else than their owner is signed in.
 */
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
  private readonly journal: Journal;
  private changes: PendingChange[];
  private readonly unwritten = new Set<PendingChange>();
  /** The newest answer to each question that the server has, as far as this page knows. */
  private readonly newest = new Map<string, SavedAnswer>();
  private sequence: bigint;
  private sending: Promise<void> | undefined;
  private pause = FIRST_PAUSE_MS;
  private wake: (() => void) | undefined;

  constructor(
    private readonly personId: string,
    private readonly attemptId: string,
  ) {
    this.journal = new Journal(personId, attemptId);
    this.changes = this.journal.list();
    this.sequence = this.journal.lastSequence();
    this.tell();
    addEventListener("online", () => this.wake?.());
    whenRenewedElsewhere(() => this.wake?.());
    me.subscribe(() => this.wake?.());
    unconfirmed.subscribe(() => this.wake?.());
    addEventListener("beforeunload", (event) => {
      if (this.changes.length > 0 && isSignedIn(this.personId)) event.preventDefault();
    });
  }

  /** Goes on above the last number that the server has, and sends what waits: at once, for somebody may have signed in again. */
  resume(lastSequence: bigint): void {
    if (lastSequence > this.sequence) this.sequence = lastSequence;
    this.wake?.();
    if (this.changes.length > 0) void this.send();
  }

  /** Notes what the page shows of an attempt that was loaded. */
  shows({ answers, serverTime }: Attempt): void {
    noteServerTime(serverTime);
    for (const saved of answers) this.know(saved);
  }

  /** Looks whether another device or tab has answered meanwhile: what it gave counts, and is shown here too. Without a connection nothing happens. */
  async lookElsewhere(): Promise<void> {
    if (this.changes.length > 0) return;
    const attempt = await attempts.getAttempt({ attemptId: this.attemptId }).then((answer) => answer.attempt, () => undefined);
    // What was typed in the meantime is newer than anything.
    if (attempt === undefined || this.changes.length > 0) return;
    if (attempt.lastSequence > this.sequence) this.sequence = attempt.lastSequence;
    const foreign = attempt.answers.filter(({ itemId, sequence }) => sequence > (this.newest.get(itemId)?.sequence ?? 0n));
    if (foreign.length === 0) return;
    this.overruled.value = new Map([...this.overruled.value, ...foreign.map((saved) => [saved.itemId, saved] as const)]);
    this.shows(attempt);
  }

  private know(saved: SavedAnswer): void {
    if (saved.sequence > (this.newest.get(saved.itemId)?.sequence ?? 0n)) this.newest.set(saved.itemId, saved);
  }

  /** The attempt with the answers that the server has now. */
  within(attempt: Attempt): Attempt {
    return { ...attempt, answers: [...this.newest.values()], lastSequence: this.sequence };
  }

  /** The changes of this device that the server has not acknowledged: they count over what it says. */
  get unacknowledged(): readonly AnswerChange[] {
    return this.changes.map(({ change }) => change);
  }

  /** Store a change on this device and send it. Its number is above those of all tabs: the numbers say which change is the newer. */
  change(itemId: string, answer: Answer): void {
    this.sequence = (this.sequence > this.journal.lastSequence() ? this.sequence : this.journal.lastSequence()) + 1n;
    const change = create(AnswerChangeSchema, { sequence: this.sequence, itemId, answer, clientTime: timestampNow() });
    const pending = { key: this.journal.newKey(), change, madeTime: this.presentTime() };
    this.changes.push(pending);
    this.write(pending);
    this.overruled.value = new Map([...this.overruled.value].filter(([other]) => other !== itemId));
    this.tell();
    void this.send();
  }

  /** The server's time, as far as this device knows: without a response since it was opened, it is later than the last change before. */
  private presentTime(): number {
    const lastMade = Math.max(0, ...this.changes.map(({ madeTime }) => madeTime));
    return serverNow() ?? lastMade + performance.now();
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
      if (!isSignedIn(this.personId) || unconfirmed.peek()) {
        this.state.value = "offline";
        await this.rest();
        // No save has failed meanwhile, so once the learner is signed in, the first retry comes soon.
        this.pause = FIRST_PAUSE_MS;
        continue;
      }
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
  private async save(batch: readonly PendingChange[]): Promise<void> {
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

  private finish(done: readonly PendingChange[]): void {
    for (const pending of done) {
      this.unwritten.delete(pending);
      this.journal.remove(pending);
      const { itemId, sequence, answer } = pending.change;
      this.know(create(SavedAnswerSchema, answer ? { itemId, sequence, answer } : { itemId, sequence }));
    }
    this.unkept.value = this.unwritten.size > 0;
    this.changes = this.changes.filter((pending) => !done.includes(pending));
  }

  /** Give what waits numbers above the server's, except where an answer that was saved later, from elsewhere, would be replaced by it. */
  private async renumber(): Promise<void> {
    const { attempt } = await attempts.getAttempt({ attemptId: this.attemptId });
    if (attempt === undefined) return;
    noteServerTime(attempt.serverTime);
    this.giveWay(attempt);
    this.sequence = attempt.lastSequence;
    for (const pending of this.changes.sort(bySequence)) {
      this.sequence += 1n;
      pending.change = create(AnswerChangeSchema, { ...pending.change, sequence: this.sequence });
      // Another tab may have sent it already: then it is not stored again.
      if (this.journal.holds(pending)) this.write(pending);
    }
  }

  /** Drop what is older than the server's answer to the same question. */
  private giveWay(attempt: Attempt): void {
    const foreign = new Map(attempt.answers.filter((saved) => !this.isKnown(saved)).map((saved) => [saved.itemId, saved]));
    const older = this.changes.filter(({ change, madeTime }) => {
      const saveTime = foreign.get(change.itemId)?.saveTime;
      return saveTime !== undefined && timestampMs(saveTime) > madeTime;
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
    for (const pending of [...this.unwritten]) this.write(pending);
  }

  private write(pending: PendingChange): void {
    if (this.journal.store(pending)) this.unwritten.delete(pending);
    else this.unwritten.add(pending);
    // What is here is sent all the same.
    this.unkept.value = this.unwritten.size > 0;
  }
}

function areRising(changes: readonly PendingChange[]): boolean {
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

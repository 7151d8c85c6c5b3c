// Saves the learner's answers. Each change stays in the answer journal until the server has acknowledged it.
import { create } from "@bufbuild/protobuf";
import { timestampMs, timestampNow } from "@bufbuild/protobuf/wkt";
import { signal } from "@preact/signals";
import { attempts } from "../../api/client";
import { isTokenError, isUnreachable, type Problem, toProblem } from "../../api/errors";
import { INITIAL_BACKOFF_MS, nextBackoff } from "../../api/retry";
import { noteServerTime, serverNow } from "../../api/server-time";
import { onTokensRenewedElsewhere } from "../../api/tokens";
import {
  type AnswerChange,
  AnswerChangeSchema,
  type Attempt,
  type SavedAnswer,
  SavedAnswerSchema,
} from "../../gen/proctorium/assessment/v1/attempts_pb";
import type { Answer } from "../../gen/proctorium/assessment/v1/items_pb";
import { bySequence, Journal, type PendingChange } from "../../offline/answer-journal";
import { deviceId, storedEpoch, storeEpoch } from "../../offline/writer";
import { isSignedIn, me, unconfirmed } from "../account/current-user";

const MAX_BATCH_SIZE = 100;

export type SaveStatus = "saved" | "saving" | "offline" | "refused";

/**
 * Saves the changes of one attempt in order, and retries until the server has acknowledged them. The changes survive a
 * reload, a crash and the loss of the network. They are sent only while their owner is signed in.
 */
export class AnswerSaver {
  readonly status = signal<SaveStatus>("saved");
  /** The IDs of the questions with pending changes. */
  readonly pendingItems = signal<ReadonlySet<string>>(new Set());
  /** Whether some answers arrived after the deadline. The server stores them and marks them as late (A6). */
  readonly hasLateAnswers = signal(false);
  /** Whether the browser cannot store some changes, so that only this page has them. */
  readonly hasUnstoredChanges = signal(false);
  /** For each question, the newer answer from another device or tab that replaced the answer on this page. */
  readonly superseded = signal<ReadonlyMap<string, SavedAnswer>>(new Map());
  readonly problem = signal<Problem | undefined>(undefined);
  /** The writer epoch of this page; undefined until the page has entered the attempt. */
  readonly epoch = signal<bigint | undefined>(undefined);
  private readonly journal: Journal;
  private pending: PendingChange[];
  private readonly unstored = new Set<PendingChange>();
  /** The newest saved answer to each question that this page knows. */
  private readonly savedAnswers = new Map<string, SavedAnswer>();
  private lastSequence: bigint;
  private sending: Promise<void> | undefined;
  private backoff = INITIAL_BACKOFF_MS;
  private wake: (() => void) | undefined;

  constructor(
    private readonly personId: string,
    private readonly attemptId: string,
  ) {
    this.journal = new Journal(personId, attemptId);
    this.pending = this.journal.list();
    this.lastSequence = this.journal.lastSequence();
    this.publishPending();
    addEventListener("online", () => this.wake?.());
    onTokensRenewedElsewhere(() => this.wake?.());
    me.subscribe(() => this.wake?.());
    unconfirmed.subscribe(() => this.wake?.());
    addEventListener("beforeunload", (event) => {
      if (this.pending.length > 0 && isSignedIn(this.personId)) event.preventDefault();
    });
  }

  /**
   * Continue with sequence numbers above the server's last one, and send pending changes immediately, because their
   * owner may have just signed in again.
   */
  resume(lastSequence: bigint): void {
    if (lastSequence > this.lastSequence) this.lastSequence = lastSequence;
    this.wake?.();
    if (this.pending.length > 0) void this.send();
  }

  /** Enter the attempt, so that this page is the writer. Pages that entered earlier stop writing. */
  async enter(requestId: string): Promise<void> {
    const { writerEpoch } = await attempts.enterAttempt({
      requestId,
      attemptId: this.attemptId,
      deviceId: deviceId(),
    });
    storeEpoch(this.attemptId, writerEpoch);
    this.epoch.value = writerEpoch;
  }

  /** Store the saved answers and the server's time of an attempt that was loaded. */
  noteAttempt({ answers, serverTime }: Attempt): void {
    noteServerTime(serverTime);
    for (const saved of answers) this.noteSaved(saved);
  }

  /**
   * Load answers that another device or tab has saved, and publish them in `superseded`, so that the page shows them.
   * Do nothing if changes are pending or the call fails.
   */
  async loadNewerAnswers(): Promise<void> {
    if (this.pending.length > 0) return;
    const response = await attempts.getAttempt({ attemptId: this.attemptId }).catch(() => undefined);
    const attempt = response?.attempt;
    // If the learner changed an answer during the call, ignore the response, because the change is newer.
    if (attempt === undefined || this.pending.length > 0) return;
    if (attempt.lastSequence > this.lastSequence) this.lastSequence = attempt.lastSequence;
    const newer = attempt.answers.filter((saved) => isNewer(saved, this.savedAnswers.get(saved.itemId)));
    if (newer.length === 0) return;
    this.superseded.value = new Map([
      ...this.superseded.value,
      ...newer.map((saved) => [saved.itemId, saved] as const),
    ]);
    this.noteAttempt(attempt);
  }

  private noteSaved(saved: SavedAnswer): void {
    if (isNewer(saved, this.savedAnswers.get(saved.itemId))) this.savedAnswers.set(saved.itemId, saved);
  }

  /** Return a copy of the attempt with the newest saved answers. */
  withSavedAnswers(attempt: Attempt): Attempt {
    return { ...attempt, answers: [...this.savedAnswers.values()], lastSequence: this.lastSequence };
  }

  /** The pending changes of this device, which take precedence over the server's answers. */
  get unacknowledged(): readonly AnswerChange[] {
    return this.pending.map(({ change }) => change);
  }

  /**
   * Store a change on this device, and send it. Its sequence number is higher than the numbers of all tabs, because the
   * change with the highest number is the newest.
   */
  change(itemId: string, answer: Answer): void {
    const stored = this.journal.lastSequence();
    if (stored > this.lastSequence) this.lastSequence = stored;
    this.lastSequence += 1n;
    const change = create(AnswerChangeSchema, {
      sequence: this.lastSequence,
      itemId,
      answer,
      clientTime: timestampNow(),
      writerEpoch: this.epoch.peek() ?? storedEpoch(this.attemptId),
    });
    const pending = { key: this.journal.newKey(), change, madeTime: this.now() };
    this.pending.push(pending);
    this.store(pending);
    this.superseded.value = new Map([...this.superseded.value].filter(([other]) => other !== itemId));
    this.publishPending();
    void this.send();
  }

  /**
   * Return the server's time in milliseconds. Before the first response, return a time after the last pending change.
   */
  private now(): number {
    const lastMade = Math.max(0, ...this.pending.map(({ madeTime }) => madeTime));
    return serverNow() ?? lastMade + performance.now();
  }

  /** Resolve when no change is pending. Reject if the server refuses a change. */
  async flush(): Promise<void> {
    while (this.pending.length > 0) {
      await this.send();
      if (this.status.value === "refused") throw new Error(this.problem.value?.sentence);
    }
  }

  private send(): Promise<void> {
    this.sending ??= this.sendAll().finally(() => {
      this.sending = undefined;
    });
    return this.sending;
  }

  private async sendAll(): Promise<void> {
    while (this.pending.length > 0) {
      if (this.status.value !== "offline") this.status.value = "saving";
      if (!isSignedIn(this.personId) || unconfirmed.peek()) {
        this.status.value = "offline";
        await this.backOff();
        // Nothing was sent, so no call has failed. Reset the backoff, so that the next wait is short and the changes
        // are sent soon after the sign-in.
        this.backoff = INITIAL_BACKOFF_MS;
        continue;
      }
      const batch = this.pending.slice(0, MAX_BATCH_SIZE);
      try {
        await this.save(batch);
      } catch (thrown) {
        // Handle a token error like a lost connection, because the changes can be saved after the next sign-in.
        if (!isUnreachable(thrown) && !isTokenError(thrown)) {
          this.problem.value = toProblem(thrown);
          this.status.value = "refused";
          return;
        }
        this.status.value = "offline";
        await this.backOff();
        continue;
      }
      this.backoff = INITIAL_BACKOFF_MS;
      this.publishPending();
    }
    this.problem.value = undefined;
    this.status.value = "saved";
  }

  /**
   * Send a batch, and remove the changes that the server has acknowledged. If another device has used the same sequence
   * numbers, do not remove the changes, but give them new numbers.
   */
  private async save(batch: readonly PendingChange[]): Promise<void> {
    // If changes were made in two tabs at the same time, both tabs may have used the same sequence numbers.
    if (!isAscending(batch)) return await this.renumber();
    try {
      await attempts.saveAnswers({ attemptId: this.attemptId, changes: batch.map(({ change }) => change) });
    } catch (thrown) {
      const { reason, metadata } = toProblem(thrown);
      if (reason === "SEQUENCE_REUSED") return await this.renumber();
      if (metadata?.stored !== "true") throw thrown;
      this.hasLateAnswers.value = true;
      return this.acknowledge(batch);
    }
    for (const { change } of batch) {
      const { itemId, sequence, answer, writerEpoch } = change;
      const saved = { itemId, sequence, writerEpoch };
      this.noteSaved(create(SavedAnswerSchema, answer ? { ...saved, answer } : saved));
    }
    this.acknowledge(batch);
  }

  /** Remove changes that the server has stored. Late answers are not noted as saved, because they do not count yet. */
  private acknowledge(done: readonly PendingChange[]): void {
    for (const pending of done) {
      this.unstored.delete(pending);
      this.journal.remove(pending);
    }
    this.hasUnstoredChanges.value = this.unstored.size > 0;
    this.pending = this.pending.filter((pending) => !done.includes(pending));
  }

  /**
   * Drop pending changes that are older than the server's answers, and give the remaining changes sequence numbers
   * above the server's.
   */
  private async renumber(): Promise<void> {
    const { attempt } = await attempts.getAttempt({ attemptId: this.attemptId });
    if (attempt === undefined) return;
    noteServerTime(attempt.serverTime);
    this.dropSuperseded(attempt);
    this.lastSequence = attempt.lastSequence;
    for (const pending of this.pending.sort(bySequence)) {
      this.lastSequence += 1n;
      pending.change = create(AnswerChangeSchema, { ...pending.change, sequence: this.lastSequence });
      // If the change is no longer in the journal, another tab may have sent the change. Do not store it again.
      if (this.journal.holds(pending)) this.store(pending);
    }
  }

  /** Drop the pending changes to which another device has saved a newer answer to the same question. */
  private dropSuperseded(attempt: Attempt): void {
    const foreign = new Map(
      attempt.answers.filter((saved) => !this.isOwn(saved)).map((saved) => [saved.itemId, saved]),
    );
    const older = this.pending.filter(({ change, madeTime }) => {
      const saved = foreign.get(change.itemId);
      // A change of an older page does not replace the answer of a newer page, so it is still sent.
      if (saved === undefined || saved.writerEpoch > change.writerEpoch) return false;
      return saved.saveTime !== undefined && timestampMs(saved.saveTime) > madeTime;
    });
    this.acknowledge(older);
    const stillPending = new Set(this.pending.map(({ change }) => change.itemId));
    const superseded = new Map(this.superseded.value);
    for (const { change } of older) {
      const saved = foreign.get(change.itemId);
      if (saved !== undefined && !stillPending.has(change.itemId)) superseded.set(change.itemId, saved);
    }
    this.superseded.value = superseded;
  }

  /**
   * Return whether a saved answer is from this device, or was known to this device when the pending changes were made.
   * An answer from this device can still be pending if its acknowledgement was lost.
   */
  private isOwn({ sequence, itemId, answer }: SavedAnswer): boolean {
    // If all pending changes have higher sequence numbers, this device already knew the saved answer when the changes
    // were made.
    if (this.pending.every(({ change }) => sequence < change.sequence)) return true;
    return this.pending.some(
      ({ change }) => change.sequence === sequence && change.itemId === itemId && isSameAnswer(change.answer, answer),
    );
  }

  /** Wait for the backoff, or until a retry may succeed earlier, for example because somebody has signed in. */
  private async backOff(): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, this.backoff);
      this.wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.backoff = nextBackoff(this.backoff);
  }

  private publishPending(): void {
    this.pendingItems.value = new Set(this.pending.map(({ change }) => change.itemId));
    for (const pending of [...this.unstored]) this.store(pending);
  }

  private store(pending: PendingChange): void {
    if (this.journal.store(pending)) this.unstored.delete(pending);
    else this.unstored.add(pending);
    // A change that could not be stored remains pending, and is still sent. Only publish that the change is not stored.
    this.hasUnstoredChanges.value = this.unstored.size > 0;
  }
}

/** Return whether a saved answer takes precedence over the known one: by its writer epoch, and then by its sequence. */
function isNewer(saved: SavedAnswer, known: SavedAnswer | undefined): boolean {
  if (known === undefined || saved.writerEpoch !== known.writerEpoch)
    return saved.writerEpoch >= (known?.writerEpoch ?? 0n);
  return saved.sequence > known.sequence;
}

function isAscending(changes: readonly PendingChange[]): boolean {
  return changes.every(
    ({ change }, index) => index === 0 || (changes[index - 1]?.change.sequence ?? 0n) < change.sequence,
  );
}

/** Return whether two answers are equal, regardless of the order of the chosen choices. */
function isSameAnswer(one: Answer | undefined, other: Answer | undefined): boolean {
  return canonicalText(one) === canonicalText(other);
}

function canonicalText(answer: Answer | undefined): string {
  const value = answer?.value;
  return value?.case === "chosen" ? [...value.value.choiceIds].sort().join() : `${value?.case} ${value?.value}`;
}

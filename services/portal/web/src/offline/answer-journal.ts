// The answer journal: the changes that this device stores until the server has acknowledged them. Each change belongs
// to the person who made it. Each change is stored under a separate key, so that no tab overwrites the changes of
// another tab.
import { fromJson, type JsonValue, toJson } from "@bufbuild/protobuf";
import { newId } from "../api/ids";
import { type AnswerChange, AnswerChangeSchema } from "../gen/proctorium/assessment/v1/attempts_pb";

const PREFIX = "proctorium.answers.";
/**
 * The maximum number of other people's attempts with stored changes. The limit prevents the storage of a shared
 * computer from filling up.
 */
const MAX_ATTEMPTS_OF_OTHERS = 50;

/** A change that the server has not acknowledged. */
export interface PendingChange {
  readonly key: string;
  change: AnswerChange;
  /**
   * The server's time in milliseconds when the change was made. If the device did not know this time, the value is
   * earlier.
   */
  readonly madeTime: number;
}

interface StoredKey {
  key: string;
  personId: string;
  attemptId: string;
}

/** The pending changes of one person's attempt. */
export class Journal {
  readonly #prefix: string;

  constructor(personId: string, attemptId: string) {
    this.#prefix = `${PREFIX}${personId}.${attemptId}.`;
  }

  newKey(): string {
    return this.#prefix + newId();
  }

  /**
   * List the changes of all tabs, sorted by sequence number. They are not sorted by time, because clocks can be set
   * back.
   */
  list(): PendingChange[] {
    return storedKeys((key) => key.startsWith(this.#prefix))
      .flatMap((key) => read(key) ?? [])
      .sort(bySequence);
  }

  /** Return the highest sequence number among the stored changes of all tabs. */
  lastSequence(): bigint {
    return this.list().at(-1)?.change.sequence ?? 0n;
  }

  /** Store a change. Return false if the browser has no space or forbids storage. */
  store({ key, change, madeTime }: PendingChange): boolean {
    try {
      localStorage.setItem(key, JSON.stringify({ change: toJson(AnswerChangeSchema, change), madeTime }));
      return true;
    } catch {
      return false;
    }
  }

  holds({ key }: PendingChange): boolean {
    try {
      return localStorage.getItem(key) !== null;
    } catch {
      return false;
    }
  }

  remove({ key }: PendingChange): void {
    removeKey(key);
  }
}

/** Return the IDs of the person's attempts that have pending changes. */
export function pendingAttempts(personId: string): ReadonlySet<string> {
  return new Set(
    storedChanges()
      .filter((stored) => stored.personId === personId)
      .map(({ attemptId }) => attemptId),
  );
}

/** Return the number of questions for which pending changes of the person are stored on this device. */
export function pendingQuestions(personId: string): number {
  return [...pendingAttempts(personId)].reduce(
    (count, attemptId) => count + questionsOf(new Journal(personId, attemptId).list()),
    0,
  );
}

function questionsOf(pending: readonly PendingChange[]): number {
  return new Set(pending.map(({ change }) => change.itemId)).size;
}

/** Return whether pending changes of anyone are stored on this device. */
export function hasPending(): boolean {
  return storedChanges().length > 0;
}

/**
 * Remove unnecessary changes of people other than `personId`. In each attempt, the newest change to each question
 * remains. The number of attempts is limited to those with the newest changes. The remaining changes are stored until
 * their owners sign in on this device again.
 */
export function compactOthers(personId: string): void {
  const attempts = new Map<string, StoredKey>();
  for (const stored of storedChanges())
    if (stored.personId !== personId) attempts.set(`${stored.personId}.${stored.attemptId}`, stored);
  const compacted = [...attempts.values()].map(({ personId: owner, attemptId }) =>
    compactToNewest(new Journal(owner, attemptId)),
  );
  const newestFirst = compacted.sort((one, other) => lastMadeTime(other) - lastMadeTime(one));
  for (const { key } of newestFirst.slice(MAX_ATTEMPTS_OF_OTHERS).flat()) removeKey(key);
}

function compactToNewest(journal: Journal): PendingChange[] {
  const newest = new Map<string, PendingChange>();
  for (const pending of journal.list()) {
    const older = newest.get(pending.change.itemId);
    if (older !== undefined) journal.remove(older);
    newest.set(pending.change.itemId, pending);
  }
  return [...newest.values()];
}

function lastMadeTime(pending: readonly PendingChange[]): number {
  return Math.max(...pending.map(({ madeTime }) => madeTime), 0);
}

export function bySequence(one: PendingChange, other: PendingChange): number {
  if (one.change.sequence !== other.change.sequence) return one.change.sequence < other.change.sequence ? -1 : 1;
  return one.key < other.key ? -1 : 1;
}

function storedChanges(): StoredKey[] {
  return storedKeys((key) => key.startsWith(PREFIX)).flatMap((key) => {
    const [personId = "", attemptId = "", id] = key.slice(PREFIX.length).split(".");
    return id === undefined ? [] : [{ key, personId, attemptId }];
  });
}

function storedKeys(wanted: (key: string) => boolean): string[] {
  try {
    return Array.from({ length: localStorage.length }, (_, index) => localStorage.key(index) ?? "").filter(wanted);
  } catch {
    // The browser forbids storage, so nothing is stored.
    return [];
  }
}

function read(key: string): PendingChange | undefined {
  try {
    const stored = JSON.parse(localStorage.getItem(key) ?? "") as { change: JsonValue; madeTime: number };
    return { key, change: fromJson(AnswerChangeSchema, stored.change), madeTime: Number(stored.madeTime) };
  } catch {
    // Another tab has removed the change, or the stored text is not a change.
    return undefined;
  }
}

function removeKey(key: string): void {
  try {
    localStorage.removeItem(key);
  } catch {
    // The browser forbids storage, so there is nothing to remove.
  }
}

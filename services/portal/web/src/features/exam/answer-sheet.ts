// The content of an attempt's fields: the one place that has the learner's current answers, regardless of their origin.
import { create } from "@bufbuild/protobuf";
import { type ReadonlySignal, signal } from "@preact/signals";
import type { Attempt, SavedAnswer } from "../../gen/proctorium/assessment/v1/attempts_pb";
import { type Answer, AnswerSchema, ChosenChoicesSchema } from "../../gen/proctorium/assessment/v1/items_pb";
import { plainNumber, readNumber } from "./parse-number";

/** The interface that a sheet needs for saving answers. */
export interface Saving {
  readonly unacknowledged: readonly { itemId: string; answer?: Answer | undefined }[];
  change(itemId: string, answer: Answer): void;
}

interface Entry {
  readonly answer: Answer;
  /** What was typed, where the field takes text. */
  readonly text?: string;
}

const NO_ANSWER = create(AnswerSchema);

/** Return whether a value counts as an answer. */
export function isGiven(answer: Answer | undefined): boolean {
  if (answer?.value.case === undefined) return false;
  return answer.value.case !== "chosen" || answer.value.value.choiceIds.length > 0;
}

/**
 * The fields of one attempt. Each event reads the newest state here, never one that was rendered before: keys and clicks can come faster
 * than the page is drawn.
 */
export class AnswerSheet {
  readonly #entries = signal<ReadonlyMap<string, Entry>>(new Map());
  /** For each question the sequence number of the answer that was shown when the attempt was loaded, or adopted since. */
  readonly #shown: Map<string, bigint>;
  readonly #saving: Saving;

  constructor(attempt: Attempt, saving: Saving) {
    this.#saving = saving;
    this.#shown = new Map(attempt.answers.map(({ itemId, sequence }) => [itemId, sequence]));
    const entries = new Map<string, Entry>();
    // Changes that this device still has to send take precedence over the server's answers.
    for (const { itemId, answer } of [...attempt.answers, ...saving.unacknowledged]) {
      if (answer !== undefined) entries.set(itemId, { answer });
    }
    this.#entries.value = entries;
  }

  get entries(): ReadonlySignal<ReadonlyMap<string, Entry>> {
    return this.#entries;
  }

  answer(itemId: string): Answer {
    return this.#entries.value.get(itemId)?.answer ?? NO_ANSWER;
  }

  isAnswered(itemId: string): boolean {
    return isGiven(this.answer(itemId));
  }

  /** Return the text in a number field. */
  text(itemId: string): string {
    const entry = this.#entries.value.get(itemId);
    if (entry?.text !== undefined) return entry.text;
    return entry?.answer.value.case === "number" ? plainNumber(entry.answer.value.value) : "";
  }

  /** Return whether a field has content that is not an answer. */
  isUnsavable(itemId: string): boolean {
    const text = this.#entries.value.get(itemId)?.text;
    return text !== undefined && !["empty", "number"].includes(readNumber(text).kind);
  }

  chosen(itemId: string): readonly string[] {
    const { value } = this.answer(itemId);
    return value.case === "chosen" ? value.value.choiceIds : [];
  }

  choose(itemId: string, choiceId: string): void {
    this.#chooseAll(itemId, [choiceId]);
  }

  toggle(itemId: string, choiceId: string, on: boolean): void {
    const others = this.chosen(itemId).filter((other) => other !== choiceId);
    this.#chooseAll(itemId, on ? [...others, choiceId] : others);
  }

  #chooseAll(itemId: string, choiceIds: readonly string[]): void {
    const value = create(ChosenChoicesSchema, { choiceIds: [...choiceIds] });
    this.#set(itemId, { answer: create(AnswerSchema, { value: { case: "chosen", value } }) });
  }

  decide(itemId: string, truth: boolean): void {
    this.#set(itemId, { answer: create(AnswerSchema, { value: { case: "truth", value: truth } }) });
  }

  /** Take the text of a number field. Text that is not a number is no answer, even if it begins with one. */
  type(itemId: string, text: string): void {
    const reading = readNumber(text);
    const answer =
      reading.kind === "number" ? create(AnswerSchema, { value: { case: "number", value: reading.value } }) : NO_ANSWER;
    this.#set(itemId, { answer, text });
  }

  /** Clear an answer. */
  clear(itemId: string): void {
    this.#set(itemId, { answer: NO_ANSWER });
  }

  /** Show answers that were given elsewhere and are newer than those shown here. */
  adopt(saved: Iterable<SavedAnswer>): void {
    const entries = new Map(this.#entries.value);
    for (const { itemId, sequence, answer } of saved) {
      if (answer === undefined || sequence <= (this.#shown.get(itemId) ?? 0n)) continue;
      this.#shown.set(itemId, sequence);
      entries.set(itemId, { answer });
    }
    this.#entries.value = entries;
  }

  #set(itemId: string, entry: Entry): void {
    const before = this.answer(itemId);
    this.#entries.value = new Map(this.#entries.value).set(itemId, entry);
    if (!isSameValue(before, entry.answer)) this.#saving.change(itemId, entry.answer);
  }
}

/** Return whether nothing needs saving: the same number in other digits, or no answer twice. Each click on a choice is saved. */
function isSameValue({ value: one }: Answer, { value: other }: Answer): boolean {
  if (one.case === undefined) return other.case === undefined;
  return one.case === "number" && other.case === "number" && Object.is(one.value, other.value);
}

// The content of the answer fields of an attempt. The answer sheet has the newest answer to each question, which the
// server may not have received yet.
import { create } from "@bufbuild/protobuf";
import { type ReadonlySignal, signal } from "@preact/signals";
import type { Attempt, SavedAnswer } from "../../gen/proctorium/assessment/v1/attempts_pb";
import { type Answer, AnswerSchema, ChosenChoicesSchema } from "../../gen/proctorium/assessment/v1/items_pb";
import { plainNumber, readNumber } from "./parse-number";

/** The interface with which an answer sheet saves answers. */
export interface Saving {
  readonly unacknowledged: readonly { itemId: string; answer?: Answer | undefined }[];
  change(itemId: string, answer: Answer): void;
}

interface Entry {
  readonly answer: Answer;
  /** The typed text, if the field is a text field. */
  readonly text?: string;
}

const NO_ANSWER = create(AnswerSchema);

/** Return whether an answer has a value. A list without choices is not a value. */
export function isGiven(answer: Answer | undefined): boolean {
  if (answer?.value.case === undefined) return false;
  return answer.value.case !== "chosen" || answer.value.value.choiceIds.length > 0;
}

/**
 * The answer fields of one attempt. An event handler reads the newest state from this object and not the rendered
 * state, because several events can occur before the page is rendered again.
 */
export class AnswerSheet {
  readonly #entries = signal<ReadonlyMap<string, Entry>>(new Map());
  /** For each question, the sequence number of the saved answer that was loaded with the attempt or adopted later. */
  readonly #shown: Map<string, bigint>;
  readonly #saving: Saving;

  constructor(attempt: Attempt, saving: Saving) {
    this.#saving = saving;
    this.#shown = new Map(attempt.answers.map(({ itemId, sequence }) => [itemId, sequence]));
    const entries = new Map<string, Entry>();
    // Set the pending changes of this device last, because they take precedence over the server's answers.
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

  /** The number of questions that have an answer. */
  get answeredCount(): number {
    return [...this.#entries.value.values()].filter(({ answer }) => isGiven(answer)).length;
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

  /** Return whether a field has content that cannot be saved as an answer. */
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

  /**
   * Set the text of a number field. If the text is not a number, there is no answer, even if the text begins with a
   * number.
   */
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

  /** Show saved answers from other devices or tabs that are newer than the shown answers. */
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

/**
 * Return whether a changed field needs no saving: it has the same number in another notation, or still no answer. Each
 * click on a choice is saved.
 */
function isSameValue({ value: one }: Answer, { value: other }: Answer): boolean {
  if (one.case === undefined) return other.case === undefined;
  return one.case === "number" && other.case === "number" && Object.is(one.value, other.value);
}

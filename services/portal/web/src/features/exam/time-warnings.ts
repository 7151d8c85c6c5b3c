// The warnings that little time is left for an attempt. A warning is removed when it is no longer true.
import { messages } from "../../messages";

const text = messages.exam;

/** The times of the warnings, in seconds before the deadline. */
const MARKS = [60, 300, 900];
/** The time in seconds for which screen readers can read an announcement. Later, its text would no longer be true. */
const ANNOUNCED_SECONDS = 5;

/** Return the visible warning when `left` whole seconds are left; empty if no warning applies. */
export function visibleWarning(left: number): string {
  if (left === 0) return text.timeOver;
  const mark = MARKS.find((seconds) => left <= seconds);
  if (mark === undefined) return "";
  return left === mark ? text.left(mark) : text.lessThanLeft(mark);
}

/**
 * Decides what screen readers announce. Each mark is announced once, when the remaining time reaches it. Marks that
 * were reached before the page was opened are not announced.
 */
export class Announcer {
  #before: number | undefined;
  #text = "";
  #until = 0;

  /** Return the text of the live region when `left` whole seconds are left. */
  announce(left: number): string {
    const passed = MARKS.find((mark) => this.#before !== undefined && this.#before > mark && left <= mark);
    if (this.#before !== undefined && this.#before > 0 && left === 0) this.#speak(text.timeOver, 0);
    else if (passed !== undefined) this.#speak(visibleWarning(left), left - ANNOUNCED_SECONDS);
    else if (left > 0 && left <= this.#until) this.#text = "";
    this.#before = left;
    return this.#text;
  }

  #speak(text: string, until: number): void {
    this.#text = text;
    this.#until = until;
  }
}

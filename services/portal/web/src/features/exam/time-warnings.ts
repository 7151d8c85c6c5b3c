// The warnings that an attempt's time is about to end. Each is true for as long as it is shown.
import { messages } from "../../messages";

const text = messages.exam;

/** Seconds before the deadline. */
const MARKS = [60, 300, 900];
/** How long an announcement stays for screen readers: after that it would no longer be true. */
const ANNOUNCED_SECONDS = 5;

/** Return the visible warning with `left` whole seconds left; empty where there is nothing to warn of. */
export function visibleWarning(left: number): string {
  if (left === 0) return text.timeOver;
  const mark = MARKS.find((seconds) => left <= seconds);
  if (mark === undefined) return "";
  return left === mark ? text.left(mark) : text.lessThanLeft(mark);
}

/** Decides what a screen reader speaks: each mark once, when it is passed. A page that is opened later skips the earlier marks. */
export class Announcer {
  #before: number | undefined;
  #text = "";
  #until = 0;

  /** Return the text of the live region with `left` whole seconds left. */
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

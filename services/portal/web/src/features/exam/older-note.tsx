// What a learner reads on a page after another page of theirs has entered the attempt.
import type { JSX } from "preact";
import { ProblemNote } from "../../components/problem-note";
import { messages } from "../../messages";
import type { useWriter } from "./use-writer";

const text = messages.disconnects;

export function OlderNote({ busy, problem, takeOver }: ReturnType<typeof useWriter>): JSX.Element {
  return (
    <section class="note" role="alert">
      <h2>{text.olderTitle}</h2>
      <p>{text.older}</p>
      <button type="button" disabled={busy} onClick={() => void takeOver()}>
        {text.takeOver}
      </button>
      <ProblemNote problem={problem} />
    </section>
  );
}

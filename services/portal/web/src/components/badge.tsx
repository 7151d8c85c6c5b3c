// Short labels for states.
import type { ComponentChildren, JSX } from "preact";
import { messages } from "../messages";

const text = messages.common;

export function Badge({
  tone,
  children,
}: {
  tone: "plain" | "good" | "wait" | "bad";
  children: ComponentChildren;
}): JSX.Element {
  return <span class={`badge ${tone}`}>{children}</span>;
}

/** The label of a proctored course. */
export function ProctoredBadge(): JSX.Element {
  return (
    <span class="proctored-badge" title={text.proctoredHint}>
      <svg viewBox="0 0 24 24" width="16" height="16" aria-hidden="true">
        <path
          fill="currentColor"
          d="M12 2 4 5v6c0 5 3.4 9.6 8 11 4.6-1.400 8-6 8-11V5l-8-3Zm0 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6Zm0 12a7 7 0 0 1-5-2.300c.600-1.700 2.600-2.700 5-2.700s4.400 1 5 2.700A7 7 0 0 1 12 19Z"
        />
      </svg>
      {text.proctored}
    </span>
  );
}

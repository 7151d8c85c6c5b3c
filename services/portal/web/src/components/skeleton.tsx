// The shape of content that is being loaded. Screen readers skip it, because a text says what is being loaded.
import type { JSX } from "preact";

export function Skeleton({ lines }: { lines: number }): JSX.Element {
  return (
    <div class="skeletons" aria-hidden="true">
      {Array.from({ length: lines }, (_, line) => (
        <div key={line} class="skeleton" />
      ))}
    </div>
  );
}

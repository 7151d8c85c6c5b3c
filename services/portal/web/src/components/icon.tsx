// Icons from the collection Lucide. They only decorate a text, so screen readers skip them.
import type { IconNode } from "lucide";
import { createElement, type JSX } from "preact";

export function Icon({ of }: { of: IconNode }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      {of.map(([element, attributes], index) => createElement(element, { key: index, ...attributes }))}
    </svg>
  );
}

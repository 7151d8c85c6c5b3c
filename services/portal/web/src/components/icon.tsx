// Icons of the collection lucide. They decorate a text and say nothing by themselves, so screen readers skip them.
import type { IconNode } from "lucide";
import { createElement, type JSX } from "preact";

export function Icon({ of }: { of: IconNode }): JSX.Element {
  return (
    <svg class="icon" viewBox="0 0 24 24" aria-hidden="true">
      {of.map(([element, attributes], index) => createElement(element, { key: index, ...attributes }))}
    </svg>
  );
}

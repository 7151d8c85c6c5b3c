// The logo of the product.
import type { JSX } from "preact";

export function Mark(): JSX.Element {
  return (
    <svg class="mark" viewBox="0 0 32 32" aria-hidden="true">
      <rect width="32" height="32" rx="8" fill="var(--accent)" />
      <g fill="none" stroke="var(--accent-ink)" stroke-width="2.25" stroke-linecap="round" stroke-linejoin="round">
        <path d="M16 6.5 24 9.6v6c0 5-3.3 8.5-8 10.2-4.7-1.7-8-5.2-8-10.2v-6z" />
        <path d="m12.3 15.8 2.7 2.7 4.9-5.2" />
      </g>
    </svg>
  );
}

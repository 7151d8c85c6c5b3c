// A progress bar with its text.
import type { JSX } from "preact";

interface ProgressProps {
  value: number;
  max: number;
  /** What the bar shows, in words. */
  label: string;
}

export function Progress({ value, max, label }: ProgressProps): JSX.Element {
  return (
    <div class="progress">
      <span>{label}</span>
      <progress value={value} max={Math.max(max, 1)} aria-label={label} />
    </div>
  );
}

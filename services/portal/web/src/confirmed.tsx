// A button for what cannot be taken back.
import type { JSX } from "preact";
import { useState } from "preact/hooks";

interface ConfirmedProps {
  ask: string;
  /** What it is about, where several stand on a page: heard, not seen. */
  of?: string;
  meaning: string;
  yes: string;
  no: string;
  busy: boolean;
  /** Something must be said first. */
  disabled?: boolean;
  act: () => void;
}

/** It asks first, and says what follows. */
export function Confirmed({ ask, of, meaning, yes, no, busy, disabled, act }: ConfirmedProps): JSX.Element {
  const [asking, setAsking] = useState(false);
  const about = of && <span class="visually-hidden"> {of}</span>;
  if (!asking) {
    return (
      <button type="button" class="plain" disabled={disabled} onClick={() => setAsking(true)}>
        {ask}
        {about}
      </button>
    );
  }
  return (
    <div class="row" role="group" aria-label={ask}>
      <span>{meaning}</span>
      <button type="button" class="danger" disabled={busy || disabled} onClick={act}>
        {yes}
        {about}
      </button>
      <button type="button" class="plain" disabled={busy} onClick={() => setAsking(false)}>
        {no}
      </button>
    </div>
  );
}

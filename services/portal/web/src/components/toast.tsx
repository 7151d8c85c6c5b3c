// Short notes about an action that succeeded. A note disappears automatically, so it never contains anything that a
// person must act on. It can offer to undo the action.
import { signal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { messages } from "../messages";

export interface ToastAction {
  label: string;
  onChoose: () => void;
}

interface Toast {
  id: number;
  sentence: string;
  action: ToastAction | undefined;
}

const SHOWN_MS = 8000;
const MAX_SHOWN = 3;

const toasts = signal<readonly Toast[]>([]);
let lastId = 0;

/** Show a sentence for some seconds, with an optional button. */
export function showToast(sentence: string, action?: ToastAction): void {
  lastId += 1;
  toasts.value = [...toasts.value, { id: lastId, sentence, action }].slice(-MAX_SHOWN);
}

function close(id: number): void {
  toasts.value = toasts.value.filter((toast) => toast.id !== id);
}

/** The place of the notes. The page has it once, so that screen readers read each note when it appears. */
export function Toasts(): JSX.Element {
  return (
    <div class="toasts" role="status" aria-atomic="false">
      {toasts.value.map((toast) => (
        <ShownToast key={toast.id} toast={toast} />
      ))}
    </div>
  );
}

/** One note. It stays while the pointer or the focus is on it. */
function ShownToast({ toast: { id, sentence, action } }: { toast: Toast }): JSX.Element {
  const [held, setHeld] = useState(false);
  useEffect(() => {
    if (held) return;
    const timer = setTimeout(() => close(id), SHOWN_MS);
    return () => clearTimeout(timer);
  }, [held]);
  const choose = (): void => {
    close(id);
    action?.onChoose();
  };
  return (
    <div
      class="toast"
      role="group"
      aria-label={sentence}
      onMouseEnter={() => setHeld(true)}
      onMouseLeave={() => setHeld(false)}
      onFocusIn={() => setHeld(true)}
      onFocusOut={() => setHeld(false)}
    >
      <p dir="auto">{sentence}</p>
      {action && (
        <button type="button" class="link" onClick={choose}>
          {action.label}
        </button>
      )}
      <button type="button" class="link" onClick={() => close(id)}>
        {messages.common.close}
      </button>
    </div>
  );
}

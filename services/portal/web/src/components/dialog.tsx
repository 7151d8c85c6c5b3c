// Modal dialogs. The native element keeps the focus inside, closes on Escape, and returns the focus to the opener.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useId, useRef } from "preact/hooks";
import { messages } from "../messages";

interface DialogProps {
  title: string;
  onClose: () => void;
  children: ComponentChildren;
}

/** A dialog that is open while it is mounted. */
export function Dialog({ title, onClose, children }: DialogProps): JSX.Element {
  const heading = useId();
  const dialog = useRef<HTMLDialogElement>(null);
  useEffect(() => dialog.current?.showModal(), []);
  return (
    <dialog ref={dialog} class="form" onClose={onClose} aria-labelledby={heading}>
      <div class="row apart">
        <h2 id={heading} dir="auto">
          {title}
        </h2>
        <button type="button" class="plain" onClick={() => dialog.current?.close()}>
          {messages.common.close}
        </button>
      </div>
      {children}
    </dialog>
  );
}

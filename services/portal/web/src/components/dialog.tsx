// Modal dialogs. The native element keeps the focus inside, closes on Escape, and returns the focus to the opener.
import type { ComponentChildren, JSX, RefObject } from "preact";
import { useId, useLayoutEffect, useRef } from "preact/hooks";
import { messages } from "../messages";

interface DialogProps {
  title: string;
  onClose: () => void;
  /** The dialog element, for content that closes the dialog. Such a dialog has no other button that closes it. */
  dialog?: RefObject<HTMLDialogElement | null>;
  /** Whether the dialog is as wide as its content. */
  isWide?: boolean;
  children: ComponentChildren;
}

/** A dialog that is open while it is mounted. */
export function Dialog({ title, onClose, dialog, isWide, children }: DialogProps): JSX.Element {
  const heading = useId();
  const own = useRef<HTMLDialogElement>(null);
  const element = dialog ?? own;
  useLayoutEffect(() => element.current?.showModal(), []);
  return (
    <dialog ref={element} class={isWide ? "" : "form"} onClose={onClose} aria-labelledby={heading}>
      <div class="row apart">
        <h2 id={heading} dir="auto">
          {title}
        </h2>
        {dialog === undefined && (
          <button type="button" class="plain" onClick={() => element.current?.close()}>
            {messages.common.close}
          </button>
        )}
      </div>
      {children}
    </dialog>
  );
}

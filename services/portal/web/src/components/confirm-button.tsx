// Buttons that ask for confirmation before an action that cannot be undone.
import type { ComponentChildren, JSX } from "preact";
import { useLayoutEffect, useRef, useState } from "preact/hooks";
import { useAction } from "../api/use-action";
import { ProblemNote } from "./problem-note";

interface ConfirmButtonProps {
  label: string;
  /**
   * The person or thing that the action concerns. Only screen readers read this text, which distinguishes buttons with
   * the same label.
   */
  subject?: string;
  consequence: ComponentChildren;
  confirmLabel: string;
  cancelLabel: string;
  busy: boolean;
  /** Whether the button is disabled, because something must be entered first. */
  disabled?: boolean;
  /** Whether the button acts without asking, because there is nothing to confirm at present. */
  immediate?: boolean;
  onConfirm: () => void;
}

/** A button that shows the consequence of its action and asks for confirmation. */
export function ConfirmButton({
  label,
  subject,
  consequence,
  confirmLabel,
  cancelLabel,
  busy,
  disabled,
  immediate,
  onConfirm,
}: ConfirmButtonProps): JSX.Element {
  const [asking, setAsking] = useState(false);
  const safeButton = useRef<HTMLButtonElement>(null);
  const touched = useRef(false);
  // The pressed button was replaced by other buttons. Move the focus to the button that changes no data, so that
  // another key press does no harm.
  useLayoutEffect(() => {
    if (touched.current) safeButton.current?.focus();
  }, [asking]);
  const toggle = (on: boolean): void => {
    touched.current = true;
    setAsking(on);
  };
  const about = subject && <bdi class="visually-hidden"> {subject}</bdi>;
  if (!asking) {
    return (
      <button
        type="button"
        class={immediate ? "" : "plain"}
        ref={safeButton}
        disabled={(immediate && busy) || disabled}
        onClick={() => (immediate ? onConfirm() : toggle(true))}
      >
        {label}
        {about}
      </button>
    );
  }
  return (
    <div class="row" role="group" aria-label={label}>
      <div>{consequence}</div>
      <button type="button" class="danger" disabled={busy || disabled} onClick={onConfirm}>
        {confirmLabel}
        {about}
      </button>
      <button type="button" class="plain" ref={safeButton} disabled={busy} onClick={() => toggle(false)}>
        {cancelLabel}
      </button>
    </div>
  );
}

interface ConfirmActionProps extends Omit<ConfirmButtonProps, "busy" | "onConfirm"> {
  /** Makes the call. If the call succeeds, the text that this function returns is shown. */
  action: (requestId: string) => Promise<unknown>;
}

/** A confirm button that makes a call and shows its result or problem. */
export function ConfirmAction({ action, ...button }: ConfirmActionProps): JSX.Element {
  const { busy, problem, done, run } = useAction();
  return (
    <>
      <ConfirmButton {...button} busy={busy} onConfirm={() => void run(action)} />
      <ProblemNote problem={problem} />
      <p role="status">{done}</p>
    </>
  );
}

type ConfirmSubmitProps = Omit<ConfirmButtonProps, "onConfirm">;

/** A confirm button that submits the surrounding form. */
export function ConfirmSubmit(props: ConfirmSubmitProps): JSX.Element {
  const wrapper = useRef<HTMLDivElement>(null);
  return (
    <div ref={wrapper}>
      <ConfirmButton {...props} onConfirm={() => wrapper.current?.closest("form")?.requestSubmit()} />
    </div>
  );
}

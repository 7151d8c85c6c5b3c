// The fields for the end of a session on the page that schedules a session.
import type { JSX } from "preact";
import { Field } from "../../components/fields";
import { messages } from "../../messages";

const text = messages.closing;

export function ClosingFields(): JSX.Element {
  return (
    <>
      <Field
        label={text.countdown}
        hint={text.countdownFieldHint}
        name="plan.closing_countdown"
        type="number"
        min={0}
        max={600}
        defaultValue="60"
        required
      />
      <Field
        label={text.autoClose}
        hint={text.autoCloseHint}
        name="plan.auto_close_after"
        type="number"
        min={0}
        max={1440}
      />
      <Field
        label={text.reopenWindow}
        hint={text.reopenWindowHint}
        name="plan.reopen_window"
        type="number"
        min={0}
        max={60}
        defaultValue="5"
        required
      />
    </>
  );
}

// The form with which a message or an announcement is written.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { useAction } from "../../api/use-action";
import { TextArea } from "../../components/fields";
import { Form, FormProblem } from "../../components/form";
import { readForm } from "../../components/form-values";
import { MAX_TEXT_LENGTH } from "./conversation";

export interface Draft {
  current: string;
}

interface WriteMessageProps {
  label: string;
  hint?: string;
  button: string;
  /** The sentence that is shown after the message was sent. */
  sent?: string;
  /** The text that was written and not sent, so that it is in the field again when the form is shown again. */
  draft?: Draft | undefined;
  send: (requestId: string, text: string) => Promise<unknown>;
}

export function WriteMessage({ label, hint, button, sent, draft, send }: WriteMessageProps): JSX.Element {
  const { busy, problem, done, run } = useAction();
  const [initial] = useState(draft?.current ?? "");
  const submit = (event: SubmitEvent): void => {
    const form = event.currentTarget as HTMLFormElement;
    const text = readForm(event).value("text");
    void run(async (requestId) => {
      await send(requestId, text);
      if (draft) draft.current = "";
      const field = form.querySelector("textarea");
      if (field) field.value = "";
      // The button is disabled during the call, and therefore loses the focus.
      field?.focus();
      return sent;
    }, text);
  };
  return (
    <Form problem={problem} onSubmit={submit}>
      <TextArea
        label={label}
        {...(hint === undefined ? {} : { hint })}
        name="text"
        rows={3}
        required
        dir="auto"
        maxLength={MAX_TEXT_LENGTH}
        readOnly={busy}
        defaultValue={initial}
        onInput={(event) => {
          if (draft) draft.current = event.currentTarget.value;
        }}
      />
      <FormProblem problem={problem} />
      <div class="row">
        <button type="submit" disabled={busy}>
          {button}
        </button>
        <span role="status">{done}</span>
      </div>
    </Form>
  );
}

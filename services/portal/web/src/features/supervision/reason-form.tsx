// A button that opens a form in a dialog. In the form, the person enters a reason that learners will read.
import type { ComponentChildren, JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { useAction } from "../../api/use-action";
import { Dialog } from "../../components/dialog";
import { TextArea } from "../../components/fields";
import { Form, FormProblem } from "../../components/form";
import { type FormValues, readForm } from "../../components/form-values";

interface ReasonFormProps {
  /** The label of the button that opens the form. */
  label: string;
  /** The subject of the button and the form for screen readers, such as the name of a learner. */
  subject?: string;
  /** The title of the form. */
  title: string;
  /** The name of the field of the reason in the request. */
  field: string;
  reasonLabel: string;
  reasonHint: string;
  /** The consequence of the action, which is shown in the form. */
  consequence: string;
  confirmLabel: string;
  cancelLabel: string;
  isDanger?: boolean;
  /** Fields before the reason. */
  children?: ComponentChildren;
  /** Makes the call with the entered reason. The form closes when it has succeeded. */
  action: (requestId: string, reason: string, values: FormValues) => Promise<void>;
}

export function ReasonForm({ label, subject, title, action, children, ...form }: ReasonFormProps): JSX.Element {
  const [open, setOpen] = useState(false);
  const dialog = useRef<HTMLDialogElement>(null);
  const { busy, problem, run } = useAction();
  const submit = (event: SubmitEvent): void => {
    const values = readForm(event);
    const reason = values.value(form.field);
    const all = JSON.stringify([...new FormData(event.currentTarget as HTMLFormElement)].map(String));
    void run(async (requestId) => {
      await action(requestId, reason, values);
      dialog.current?.close();
    }, all);
  };
  const about = subject && (
    <>
      {" "}
      <bdi class="visually-hidden">{subject}</bdi>
    </>
  );
  return (
    <>
      <button type="button" class="plain" aria-haspopup="dialog" onClick={() => setOpen(true)}>
        {label}
        {about}
      </button>
      {open && (
        <Dialog title={title} dialog={dialog} onClose={() => setOpen(false)}>
          <Form problem={problem} onSubmit={submit} aria-label={title}>
            {children}
            <TextArea
              label={form.reasonLabel}
              hint={form.reasonHint}
              name={form.field}
              rows={2}
              required
              maxLength={1000}
              autoFocus={children === undefined}
            />
            <p>{form.consequence}</p>
            <FormProblem problem={problem} />
            <div class="row">
              <button type="submit" class={form.isDanger ? "danger" : ""} disabled={busy}>
                {form.confirmLabel}
                {about}
              </button>
              <button type="button" class="plain" disabled={busy} onClick={() => dialog.current?.close()}>
                {form.cancelLabel}
              </button>
            </div>
          </Form>
        </Dialog>
      )}
    </>
  );
}

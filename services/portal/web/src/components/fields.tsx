// Form fields with a label, a hint and an error.
import type { ComponentChildren, InputHTMLAttributes, JSX, SelectHTMLAttributes, TextareaHTMLAttributes } from "preact";
import { useId } from "preact/hooks";
import type { Violation } from "../api/errors";
import { useFieldError } from "./field-errors";

/** Return the hint and the error of a field as elements, and the IDs of these elements. */
function useDescription(
  hint: string | undefined,
  error: string | Violation | undefined,
): { describedBy: string | undefined; texts: JSX.Element } {
  const id = useId();
  const { sentence, lang } = typeof error === "object" ? error : { sentence: error, lang: undefined };
  return {
    describedBy: [hint && `${id}-hint`, error && `${id}-error`].filter(Boolean).join(" ") || undefined,
    texts: (
      <>
        {hint && (
          <p id={`${id}-hint`} class="hint">
            {hint}
          </p>
        )}
        {error && (
          <p id={`${id}-error`} class="problem-text" role="alert" lang={lang}>
            {sentence}
          </p>
        )}
      </>
    ),
  };
}

/** The latest value of a date field. It prevents years with five digits, which are typing errors. */
const MAX_DATES: Readonly<Record<string, string>> = { date: "2999-12-31", "datetime-local": "2999-12-31T23:59" };

interface FieldProps {
  label: string;
  hint?: string;
  /** An error that the page found. It is shown instead of the service's error. */
  error?: string | undefined;
}

/** A labelled field of one line. */
export function Field({
  label,
  hint,
  error,
  ...input
}: FieldProps & InputHTMLAttributes<HTMLInputElement> & { name?: string }): JSX.Element {
  const fieldError = useFieldError(input.name);
  const shown = error ?? fieldError;
  const { describedBy, texts } = useDescription(hint, shown);
  return (
    <>
      <label>
        {label}
        <input
          max={MAX_DATES[String(input.type)]}
          {...input}
          data-field={input.name}
          aria-invalid={shown ? true : undefined}
          aria-describedby={describedBy}
        />
      </label>
      {texts}
    </>
  );
}

/** A checkbox with its label beside it. */
export function Checkbox({
  label,
  hint,
  name,
  defaultChecked = false,
}: {
  label: string;
  hint?: string;
  name: string;
  defaultChecked?: boolean;
}): JSX.Element {
  const { describedBy, texts } = useDescription(hint, useFieldError(name));
  return (
    <>
      <label class="choice">
        <input
          type="checkbox"
          name={name}
          data-field={name}
          aria-describedby={describedBy}
          defaultChecked={defaultChecked}
        />
        {label}
      </label>
      {texts}
    </>
  );
}

/** A labelled field for a text of several lines. */
export function TextArea({
  label,
  hint,
  ...area
}: { label: string; hint?: string; name: string } & TextareaHTMLAttributes<HTMLTextAreaElement>): JSX.Element {
  const error = useFieldError(area.name);
  const { describedBy, texts } = useDescription(hint, error);
  return (
    <>
      <label>
        {label}
        <textarea
          {...area}
          data-field={area.name}
          aria-invalid={error ? true : undefined}
          aria-describedby={describedBy}
        />
      </label>
      {texts}
    </>
  );
}

/** A labelled drop-down list. */
export function Select({
  label,
  hint,
  children,
  ...select
}: {
  label: string;
  hint?: string;
  children: ComponentChildren;
  name?: string;
} & SelectHTMLAttributes<HTMLSelectElement>): JSX.Element {
  const error = useFieldError(select.name);
  const { describedBy, texts } = useDescription(hint, error);
  return (
    <>
      <label>
        {label}
        <select
          {...select}
          data-field={select.name}
          aria-invalid={error ? true : undefined}
          aria-describedby={describedBy}
        >
          {children}
        </select>
      </label>
      {texts}
    </>
  );
}

export interface Option {
  value: string;
  text: ComponentChildren;
  checked?: boolean;
}

interface GroupProps {
  legend: string;
  name: string;
  options: readonly Option[];
}

/** A group of checkboxes with one name. `empty` is shown if there are no options. */
export function CheckboxGroup({ empty, ...group }: GroupProps & { empty: string }): JSX.Element {
  return <Group type="checkbox" empty={empty} {...group} />;
}

/** A group of radio buttons with one name. */
export function RadioGroup(group: GroupProps): JSX.Element {
  return <Group type="radio" {...group} />;
}

function Group({
  type,
  legend,
  name,
  options,
  empty,
}: GroupProps & { type: "checkbox" | "radio"; empty?: string }): JSX.Element {
  const error = useFieldError(name);
  const { describedBy, texts } = useDescription(undefined, error);
  return (
    <fieldset
      class="several"
      data-field={name}
      tabIndex={error ? -1 : undefined}
      data-invalid={error ? "" : undefined}
      aria-describedby={describedBy}
    >
      <legend>{legend}</legend>
      {texts}
      {options.length === 0 && <p class="quiet">{empty}</p>}
      {options.map(({ value, text, checked }) => (
        <label key={value} class="choice">
          <input type={type} name={name} value={value} required={type === "radio"} defaultChecked={checked ?? false} />
          {text}
        </label>
      ))}
    </fieldset>
  );
}

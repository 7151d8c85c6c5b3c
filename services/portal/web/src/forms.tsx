// Forms and their fields, and lists that come in pages.
import { type ComponentChildren, createContext, type FormHTMLAttributes, type InputHTMLAttributes, type JSX, type SelectHTMLAttributes, type TextareaHTMLAttributes } from "preact";
import { useContext, useEffect, useId, useRef, useState } from "preact/hooks";
import type { Problem, Violation } from "./calls";
import { Help, ProblemNote } from "./parts";

const Violations = createContext<readonly Violation[]>([]);

/** Whether a violation concerns the field called `name`: the field itself, an entry of it or a part of it. */
function concerns(violation: Violation, name: string): boolean {
  const rest = violation.field.startsWith(name) ? violation.field.slice(name.length) : undefined;
  return rest === "" || rest?.[0] === "[" || rest?.[0] === ".";
}

interface FormProps {
  /** Why the last submission was refused: each field that it concerns shows its sentence, and the rest stands above the buttons. */
  problem: Problem | undefined;
  submit: (event: SubmitEvent) => void;
}

/** A form whose fields are named by their path in the request's proto, such as `plan.title`, so that a refusal appears at its field. */
export function Form({ problem, submit, children, ...attributes }: FormProps & FormHTMLAttributes<HTMLFormElement>): JSX.Element {
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (problem?.violations?.length) form.current?.querySelector<HTMLElement>("[aria-invalid=true], [data-invalid]")?.focus();
  }, [problem]);
  return (
    <form ref={form} {...attributes} onSubmit={submit}>
      <Violations.Provider value={problem?.violations ?? []}>{children}</Violations.Provider>
    </form>
  );
}

/** The problem of the form that it stands in, without what the fields show themselves. */
export function FormProblem({ problem }: { problem: Problem | undefined }): JSX.Element | null {
  const note = useRef<HTMLDivElement>(null);
  const [elsewhere, setElsewhere] = useState<readonly Violation[]>([]);
  const violations = problem?.violations ?? [];
  useEffect(() => {
    const names = [...(note.current?.closest("form")?.querySelectorAll("[data-field]") ?? [])].map((field) => field.getAttribute("data-field") ?? "");
    setElsewhere(violations.filter((violation) => !names.some((name) => concerns(violation, name))));
  }, [problem]);
  if (problem === undefined) return null;
  if (violations.length === 0) return <ProblemNote problem={problem} />;
  return (
    <div ref={note} class="note problem" role="alert" data-reason={problem.reason}>
      <p>{elsewhere.length < violations.length ? "Nothing was saved yet. Please correct the marked fields." : "Nothing was saved."}</p>
      {elsewhere.map(({ field, sentence }) => (
        <p key={field}>{sentence}</p>
      ))}
      <Help />
    </div>
  );
}

/** What is wrong with the field called `name`, by the refusal of its form. */
function useRefusal(name: string | undefined): string | undefined {
  const violations = useContext(Violations);
  return name === undefined ? undefined : violations.find((violation) => concerns(violation, name))?.sentence;
}

/** The ids of the texts that describe a field, and the texts. */
function useDescription(hint: string | undefined, wrong: string | undefined): { describedBy: string | undefined; texts: JSX.Element } {
  const id = useId();
  return {
    describedBy: [hint && `${id}-hint`, wrong && `${id}-wrong`].filter(Boolean).join(" ") || undefined,
    texts: (
      <>
        {hint && (
          <p id={`${id}-hint`} class="hint">
            {hint}
          </p>
        )}
        {wrong && (
          <p id={`${id}-wrong`} class="problem-text" role="alert">
            {wrong}
          </p>
        )}
      </>
    ),
  };
}

/** What a date field lets nobody go beyond: a year of five digits is a slip of the finger. */
const LATEST: Readonly<Record<string, string>> = { date: "2999-12-31", "datetime-local": "2999-12-31T23:59" };

interface FieldProps {
  label: string;
  hint?: string;
  /** What is wrong with what stands in it, found on the page. */
  wrong?: string | undefined;
}

/** A labelled field of a form. */
export function Field({ label, hint, wrong, ...input }: FieldProps & InputHTMLAttributes<HTMLInputElement> & { name?: string }): JSX.Element {
  const refused = useRefusal(input.name);
  const refusal = wrong ?? refused;
  const { describedBy, texts } = useDescription(hint, refusal);
  return (
    <>
      <label>
        {label}
        <input max={LATEST[String(input.type)]} {...input} data-field={input.name} aria-invalid={refusal ? true : undefined} aria-describedby={describedBy} />
      </label>
      {texts}
    </>
  );
}

/** A labelled field for a text of several lines. */
export function TextArea({ label, hint, ...area }: { label: string; hint?: string; name: string } & TextareaHTMLAttributes<HTMLTextAreaElement>): JSX.Element {
  const refusal = useRefusal(area.name);
  const { describedBy, texts } = useDescription(hint, refusal);
  return (
    <>
      <label>
        {label}
        <textarea {...area} data-field={area.name} aria-invalid={refusal ? true : undefined} aria-describedby={describedBy} />
      </label>
      {texts}
    </>
  );
}

/** A labelled choice of one of several options. */
export function Select({ label, children, ...select }: { label: string; children: ComponentChildren; name?: string } & SelectHTMLAttributes<HTMLSelectElement>): JSX.Element {
  const refusal = useRefusal(select.name);
  const { describedBy, texts } = useDescription(undefined, refusal);
  return (
    <>
      <label>
        {label}
        <select {...select} data-field={select.name} aria-invalid={refusal ? true : undefined} aria-describedby={describedBy}>
          {children}
        </select>
      </label>
      {texts}
    </>
  );
}

export interface Option {
  value: string;
  text: string;
  checked?: boolean;
}

/** Any number of options under one name. */
export function Several({ legend, name, options, none }: { legend: string; name: string; options: readonly Option[]; none: string }): JSX.Element {
  const refusal = useRefusal(name);
  const { describedBy, texts } = useDescription(undefined, refusal);
  return (
    <fieldset class="several" data-field={name} tabIndex={refusal ? -1 : undefined} data-invalid={refusal ? "" : undefined} aria-describedby={describedBy}>
      <legend>{legend}</legend>
      {texts}
      {options.length === 0 && <p class="quiet">{none}</p>}
      {options.map(({ value, text, checked }) => (
        <label key={value} class="choice">
          <input type="checkbox" name={name} value={value} defaultChecked={checked ?? false} />
          {text}
        </label>
      ))}
    </fieldset>
  );
}

/** What was typed, by field. */
export function typed(event: Event): { text: (name: string) => string; several: (name: string) => string[] } {
  event.preventDefault();
  const fields = new FormData(event.currentTarget as HTMLFormElement);
  return {
    text: (name) => String(fields.get(name) ?? "").trim(),
    several: (name) => fields.getAll(name).map(String),
  };
}

/** All pages of a list: for lists that a person chooses from. */
export async function allPages<Page extends { nextPageToken: string }, One>(
  ask: (pageToken: string) => Promise<Page>,
  listed: (page: Page) => readonly One[],
): Promise<One[]> {
  const found: One[] = [];
  let pageToken = "";
  do {
    const page = await ask(pageToken);
    found.push(...listed(page));
    pageToken = page.nextPageToken;
  } while (pageToken !== "");
  return found;
}

// Parts of the administrators' forms, and lists that come in pages.
import { type Timestamp, timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ComponentChildren, InputHTMLAttributes, JSX, SelectHTMLAttributes } from "preact";
import { useId } from "preact/hooks";

/** What a date field lets nobody go beyond: a year of five digits is a slip of the finger. */
const LATEST: Readonly<Record<string, string>> = { date: "2999-12-31", "datetime-local": "2999-12-31T23:59" };

interface FieldProps {
  label: string;
  hint?: string;
  /** What is wrong with what stands in it. */
  wrong?: string | undefined;
}

/** A labelled field of a form. */
export function Field({ label, hint, wrong, ...input }: FieldProps & InputHTMLAttributes<HTMLInputElement>): JSX.Element {
  const id = useId();
  const described = [hint && `${id}-hint`, wrong && `${id}-wrong`].filter(Boolean).join(" ") || undefined;
  return (
    <>
      <label>
        {label}
        <input max={LATEST[String(input.type)]} {...input} aria-invalid={wrong ? true : undefined} aria-describedby={described} />
      </label>
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
  );
}

/** A labelled choice of one of several options. */
export function Select({ label, children, ...select }: { label: string; children: ComponentChildren } & SelectHTMLAttributes<HTMLSelectElement>): JSX.Element {
  return (
    <label>
      {label}
      <select {...select}>{children}</select>
    </label>
  );
}

export interface Option {
  value: string;
  text: string;
  checked?: boolean;
}

/** Any number of options under one name. */
export function Several({ legend, name, options, none }: { legend: string; name: string; options: readonly Option[]; none: string }): JSX.Element {
  return (
    <fieldset class="several">
      <legend>{legend}</legend>
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

/** A day or a moment as a date field gives it, in the zone of who typed it; undefined for what is none. */
export function moment(text: string): Timestamp | undefined {
  const found = new Date(text.includes("T") ? text : `${text}T23:59:59`);
  return Number.isNaN(found.getTime()) ? undefined : timestampFromDate(found);
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

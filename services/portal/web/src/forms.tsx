// Parts of the administrators' forms, and lists that come in pages.
import { type Timestamp, timestampFromDate } from "@bufbuild/protobuf/wkt";
import type { ComponentChildren, InputHTMLAttributes, JSX, SelectHTMLAttributes } from "preact";
import { useId } from "preact/hooks";

/** A labelled field of a form. */
export function Field({ label, hint, ...input }: { label: string; hint?: string } & InputHTMLAttributes<HTMLInputElement>): JSX.Element {
  const id = useId();
  return (
    <>
      <label>
        {label}
        <input {...input} aria-describedby={hint ? id : undefined} />
      </label>
      {hint && (
        <p id={id} class="hint">
          {hint}
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

/** A day or a moment as a date field gives it, in the zone of who typed it. */
export function moment(text: string): Timestamp {
  return timestampFromDate(new Date(text.includes("T") ? text : `${text}T23:59:59`));
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

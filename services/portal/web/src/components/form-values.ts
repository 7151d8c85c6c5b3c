// The values of a submitted form.

export interface FormValues {
  value: (name: string) => string;
  values: (name: string) => string[];
}

/** Return the values of a submitted form by field, and prevent the browser from sending the form. */
export function readForm(event: Event): FormValues {
  event.preventDefault();
  const fields = new FormData(event.currentTarget as HTMLFormElement);
  return {
    value: (name) => String(fields.get(name) ?? "").trim(),
    values: (name) => fields.getAll(name).map(String),
  };
}

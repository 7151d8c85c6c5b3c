// The values of a submitted form.

interface FormValues {
  text: (name: string) => string;
  list: (name: string) => string[];
}

/** Return the values of a submitted form by field, and keep the browser from sending it. */
export function readForm(event: Event): FormValues {
  event.preventDefault();
  const fields = new FormData(event.currentTarget as HTMLFormElement);
  return {
    text: (name) => String(fields.get(name) ?? "").trim(),
    list: (name) => fields.getAll(name).map(String),
  };
}

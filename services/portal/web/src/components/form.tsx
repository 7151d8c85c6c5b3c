// Forms that show a refusal at the fields that it concerns.
import type { FormHTMLAttributes, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Problem, Violation } from "../api/errors";
import { messages } from "../messages";
import { concerns, Violations } from "./field-errors";
import { HelpContact } from "./help-contact";
import { ProblemNote } from "./problem-note";

const text = messages.common;

interface FormProps {
  /** Why the last submission was refused: each field that it concerns shows its sentence, and the rest stands above the buttons. */
  problem: Problem | undefined;
  onSubmit: (event: SubmitEvent) => void;
}

/** A form whose fields are named by their path in the request's proto, such as `plan.title`, so that a refusal appears at its field. */
export function Form({
  problem,
  onSubmit,
  children,
  ...attributes
}: FormProps & FormHTMLAttributes<HTMLFormElement>): JSX.Element {
  const form = useRef<HTMLFormElement>(null);
  useEffect(() => {
    if (problem?.violations?.length)
      form.current?.querySelector<HTMLElement>("[aria-invalid=true], [data-invalid]")?.focus();
  }, [problem]);
  return (
    <form ref={form} {...attributes} onSubmit={onSubmit}>
      <Violations.Provider value={problem?.violations ?? []}>{children}</Violations.Provider>
    </form>
  );
}

/** The problem of the form around it, without what its fields show themselves. */
export function FormProblem({ problem }: { problem: Problem | undefined }): JSX.Element | null {
  const note = useRef<HTMLDivElement>(null);
  const [elsewhere, setElsewhere] = useState<readonly Violation[]>([]);
  const violations = problem?.violations ?? [];
  useEffect(() => {
    const names = [...(note.current?.closest("form")?.querySelectorAll("[data-field]") ?? [])].map(
      (field) => field.getAttribute("data-field") ?? "",
    );
    setElsewhere(violations.filter((violation) => !names.some((name) => concerns(violation, name))));
  }, [problem]);
  if (problem === undefined) return null;
  if (violations.length === 0) return <ProblemNote problem={problem} />;
  return (
    <div ref={note} class="note problem" role="alert" data-reason={problem.reason}>
      <p>{elsewhere.length < violations.length ? text.nothingSavedYet : text.nothingSaved}</p>
      {elsewhere.map(({ field, sentence }) => (
        <p key={field}>{sentence}</p>
      ))}
      <HelpContact />
    </div>
  );
}

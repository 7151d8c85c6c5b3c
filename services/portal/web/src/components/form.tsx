// Forms that show each violation of a refused request at the field that it concerns.
import type { FormHTMLAttributes, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import type { Problem, Violation } from "../api/errors";
import { messages } from "../messages";
import { concerns, Violations } from "./field-errors";
import { HelpContact } from "./help-contact";
import { ProblemNote } from "./problem-note";

const text = messages.common;

interface FormProps {
  /**
   * The problem with which the last submission was refused. The fields show their violations, and `FormProblem` shows
   * the rest.
   */
  problem: Problem | undefined;
  onSubmit: (event: SubmitEvent) => void;
}

/**
 * A form. The name of each field is its path in the proto of the request, such as `plan.title`, so that the field can
 * show its violations.
 */
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

/** Shows the problem of the surrounding form, without the violations that the form's fields show. */
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
      {elsewhere.map(({ field, sentence, lang }) => (
        <p key={field} lang={lang}>
          {sentence}
        </p>
      ))}
      <HelpContact />
    </div>
  );
}

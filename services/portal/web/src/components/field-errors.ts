// The violations of a refused form, for its fields.
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Violation } from "../api/errors";

export const Violations = createContext<readonly Violation[]>([]);

/** Return whether a violation concerns the field called `name`: the field itself, an entry of it or a part of it. */
export function concerns(violation: Violation, name: string): boolean {
  const rest = violation.field.startsWith(name) ? violation.field.slice(name.length) : undefined;
  return rest === "" || rest?.[0] === "[" || rest?.[0] === ".";
}

/** Return what is wrong with the field called `name`, by the refusal of the form around it. */
export function useFieldError(name: string | undefined): string | undefined {
  const violations = useContext(Violations);
  return name === undefined ? undefined : violations.find((violation) => concerns(violation, name))?.sentence;
}

// Provides the violations of a refused request to the fields of the form.
import { createContext } from "preact";
import { useContext } from "preact/hooks";
import type { Violation } from "../api/errors";

export const Violations = createContext<readonly Violation[]>([]);

/**
 * Return whether a violation concerns the field `name`, one of its entries (`name[0]`) or one of its parts
 * (`name.part`).
 */
export function concerns(violation: Violation, name: string): boolean {
  const rest = violation.field.startsWith(name) ? violation.field.slice(name.length) : undefined;
  return rest === "" || rest?.[0] === "[" || rest?.[0] === ".";
}

/** Return the first violation that concerns the field `name`; undefined if there is none. */
export function useFieldError(name: string | undefined): Violation | undefined {
  const violations = useContext(Violations);
  return name === undefined ? undefined : violations.find((violation) => concerns(violation, name));
}

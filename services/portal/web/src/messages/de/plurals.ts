// Numbers with a noun, in German.
import { number, pluralForm } from "../format";

/** "1 Frage", "3 Fragen". */
export function counted(count: number, one: string, many: string): string {
  return `${number(count)} ${pluralForm(count) === "one" ? one : many}`;
}

/** "1 Person", "3 Personen": learners, for whom German has no short neutral singular. */
export function countedPeople(count: number): string {
  return counted(count, "Person", "Personen");
}

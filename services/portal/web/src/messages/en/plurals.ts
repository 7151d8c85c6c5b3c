// Numbers with a noun, in English.
import { number, pluralForm } from "../format";

/** "1 question", "3 questions". */
export function counted(count: number, one: string, many = `${one}s`): string {
  return `${number(count)} ${pluralForm(count) === "one" ? one : many}`;
}

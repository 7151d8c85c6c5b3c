import type { Messages } from "../catalogue";
import { duration } from "../format";

export const hands: Messages["hands"] = {
  kind: { help: "Frage", technical: "Technisches Problem", break: "Pause", other: "Etwas anderes" },

  // The learner's control.
  raise: "Hand heben",
  raiseFor: "Worum geht es?",
  raised: (kind: string) => `Hand gehoben: ${kind}`,
  lower: "Hand senken",
  answered: "Ihre Hand ist gesenkt. Wenn die Aufsicht geantwortet hat, wendet sie sich jetzt an Sie.",

  // The proctors' queue.
  title: "Gehobene Hand",
  waiting: (seconds: number) =>
    seconds < 60 ? "seit weniger als einer Minute" : `seit ${duration(Math.floor(seconds / 60) * 60)}`,
  answer: "Annehmen",
  answerOf: (name: string) => `die Hand von ${name}`,
};

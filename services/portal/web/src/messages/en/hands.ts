import { duration } from "../format";

export const hands = {
  kind: { help: "Question", technical: "Technical problem", break: "Break", other: "Something else" },

  // The learner's control.
  raise: "Raise hand",
  raiseFor: "What is it about?",
  raised: (kind: string) => `Hand raised: ${kind}`,
  lower: "Lower hand",
  answered: "Your hand is lowered. If a proctor answered it, they will help you now.",

  // The proctors' queue.
  title: "Raised hand",
  waiting: (seconds: number) =>
    seconds < 60 ? "for less than a minute" : `for ${duration(Math.floor(seconds / 60) * 60)}`,
  answer: "Answer",
  answerOf: (name: string) => `the hand of ${name}`,
};

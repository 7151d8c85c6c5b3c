import { duration } from "../format";

export const removal = {
  // For proctors.
  remove: "Remove…",
  removeForm: (name: string) => `Remove ${name} from the session`,
  removalReason: (name: string) => `Why ${name} is removed`,
  reasonHint: "The learner reads it.",
  removalConsequence:
    "The learner's clock is stopped and the questions are hidden until you readmit them. If you do not, their assessments are submitted when the session ends, and the results are held until an administrator releases them.",
  removeConfirm: "Remove now",
  removeCancel: "Do not remove",
  removedBecause: (reason: string) => `Removed: ${reason}`,
  readmit: "Readmit",
  end: "End for this learner…",
  endForm: (name: string) => `End the session for ${name}`,
  endReason: (name: string) => `Why the session ends for ${name}`,
  endConsequence:
    "Everything that the learner saved is submitted, and they cannot continue. The session goes on for the others.",
  undoHint: (seconds: number) => `You can undo this for ${duration(seconds)}.`,
  noUndo: "Only an administrator can undo this, and only until the session ends.",
  endConfirm: "End it now",
  endCancel: "Do not end it",
  undo: "Let the learner continue",
  undoUntil: (time: string) => `Proctors can undo this until ${time}.`,
  endedBecause: (reason: string) => `Ended for this learner: ${reason}`,

  // For learners.
  removedTitle: "You were removed from this session",
  reason: (reason: string) => `The reason: ${reason}`,
  removedHint:
    "Your answers are safe and your clock is stopped. Stay here: this page changes when your proctor lets you back in.",
  removedFinally:
    "The answers that were saved by then were submitted. An administrator decides whether the result is released.",
  endedTitle: "The session was ended for you",
  endedForYou: (reason: string) => `Your proctor ended the session for you. The reason: ${reason}`,
};

import { duration } from "../format";
import { counted } from "./plurals";

export const closing = {
  // The countdown.
  closing: "The session ends in",
  timeToEnd: "Time until the end of the session",
  learnerHint:
    "Keep working until then. Everything that is saved counts, and is submitted when the session ends. You can no longer start an assessment.",
  proctorHint: "Open attempts are submitted then. You can cancel the end until then.",
  automaticHint: "The planned end has passed, so the session ends automatically. You can cancel the end until then.",

  // The planned end.
  plannedEnd: (time: string) => `Planned end: ${time}`,
  expectedEnd: (time: string, planned: string) => `Expected end: ${time} (planned: ${planned})`,
  endsSoon: (seconds: number) => `Less than ${duration(seconds)} until the planned end of the session.`,
  plannedEndReached: "The planned end of the session has been reached.",
  plannedEndPassed: (seconds: number) => `The planned end of the session was more than ${duration(seconds)} ago.`,
  overdue:
    "The session cannot end automatically, because a learner's assessment is paused. Resume the learner, or end the session.",

  // Ending the session.
  end: "End the session…",
  endConsequence: "Everybody leaves the session, and open attempts are submitted with all saved answers.",
  endConfirm: "End the session now",
  endAfter: (seconds: number) => `End the session in ${duration(seconds)}`,
  endCancel: "Do not end it",
  stillWorking: (count: number) => `${counted(count, "attempt is", "attempts are")} open:`,
  left: (time: string) => `${time} left`,
  leftWhilePaused: (time: string) => `${time} left, paused`,
  noTimeLimit: "no time limit",
  countdownHint: (seconds: number) =>
    `Everybody sees a countdown of ${duration(seconds)}. You can cancel the end until it is over.`,
  endNow: "End it without waiting…",
  cancelClosing: "Cancel the end of the session",
  reopenHint: (seconds: number) => `You can reopen the session for ${duration(seconds)} after its end.`,

  // Reopening a session.
  reopen: "Reopen the session…",
  reopenUntil: (time: string) => `Proctors can reopen the session until ${time}. Results are released after that.`,
  reopenWhileHeld: "As an administrator, you can reopen the session, because none of its results is released.",
  reopenConsequence:
    "Learners who were in the session when it ended are in the session again, and their open attempts continue. Their clocks have been stopped since the end. Learners are notified. Attempts that a learner submitted stay submitted.",
  reopenConfirm: "Reopen the session now",
  reopenCancel: "Leave it ended",

  // Scheduling a session.
  countdown: "Countdown before the end, in seconds",
  countdownFieldHint:
    "When a proctor ends the session, everybody sees this countdown. With 0, the session ends at once.",
  autoClose: "Automatic end, in minutes past the planned end",
  autoCloseHint:
    "The session then ends automatically, but not while an attempt has time left. Leave it empty for the default.",
  reopenWindow: "Time to reopen the session, in minutes",
  reopenWindowHint:
    "For this time after the end, proctors can reopen the session. Results are released only after this time. With 0, they cannot reopen it.",
};

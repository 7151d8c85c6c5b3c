import { duration } from "../format";

export const disconnects = {
  // The form that schedules a session.
  returnedLimit: "Time given back after lost connections, in minutes",
  returnedLimitHint: "The limit for each learner and assessment. With 0, the clock runs while a learner is offline.",
  approval: "Return after a lost connection",
  requiresApproval: "A proctor must let the learner back in",
  approvalGrace: "Longest outage without this approval, in seconds",
  approvalGraceHint: "After a shorter outage, learners continue without approval.",

  // The learner's note.
  returnTitle: "Waiting for your proctor to let you back in",
  returnWaits:
    "Your connection was lost for a while. Your earlier answers are saved. Keep this page open: it updates automatically.",
  returnDenied: (reason: string) => `Your proctor has not let you back in. The reason: ${reason}`,
  givenBack: (lost: number, returned: number) =>
    lost === returned
      ? `Your connection was lost for ${duration(lost)}. This time was given back.`
      : `Your connection was lost for ${duration(lost)}. Time given back in total: ${duration(returned)}.`,

  // The proctor's panel.
  outageSince: (time: string) => `Offline since ${time}`,
  latestOutage: (seconds: number) => `Last offline for ${duration(seconds)}`,
  givenBackOf: (seconds: number, left: number) =>
    left > 0
      ? `${duration(seconds)} given back after lost connections, ${duration(left)} left`
      : `${duration(seconds)} given back after lost connections, nothing left`,

  // The queue of late entries.
  returns: "back after a lost connection",

  // The older page of a learner.
  olderTitle: "You continued on another device",
  older:
    "This page no longer accepts answers. What you answered here is stored and sent, but does not replace answers from your newer page.",
  takeOver: "Continue here",
};

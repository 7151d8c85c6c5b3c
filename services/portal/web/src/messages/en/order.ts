import type { ComponentChild } from "preact";
import { duration } from "../format";

export const order = {
  // The withdrawal of an authorisation.
  withdraw: "Withdraw",
  withdrawing: "Withdrawing…",
  alreadyStarted: "Already started, so the authorisation stays",

  // Late entry with approval: the proctors.
  lateEntries: (count: number) => (count ? `Late entries (${count})` : "Late entries"),
  noLateEntry: "Nobody is waiting for approval.",
  waiting: (seconds: number) =>
    seconds < 60 ? "waiting for less than a minute" : `waiting for ${duration(Math.floor(seconds / 60) * 60)}`,
  admit: "Admit",
  admitAll: "Admit all",
  deny: "Deny…",
  denyForm: (name: string) => `Deny entry to ${name}`,
  denialReason: "Why you deny the entry",
  denialReasonHint: "The learner reads it.",
  denialConsequence: "The learner stays outside. You can still admit them later.",
  denyConfirm: "Deny now",
  denyCancel: "Do not deny",
  denied: (reason: string) => `Reason: ${reason}`,

  // Late entry with approval: the learner.
  awaitingTitle: "Please wait to be admitted",
  awaiting:
    "The session has started. A proctor decides whether you can still enter. Keep this page open: it updates automatically.",
  awaitingSince: (time: ComponentChild) => ["You have been waiting since ", time, "."],
  deniedTitle: "Your entry was denied",
  deniedReason: (reason: string) => `A proctor denied your late entry. The reason: ${reason}`,
  deniedHint: "If the proctor admits you after all, this page updates automatically.",

  // Late entry in the plan of a session.
  lateEntryRule: "Joining after the start",
  lateEntryUntil: "For some minutes after the start",
  lateEntryApproval: "A proctor decides for each learner",
  lateEntryDoubt: "Learners who join after the start wait until a proctor admits them.",

  // Another identity check.
  checkAgain: "Check again…",
  checkAgainForm: (name: string) => `Check the identity of ${name} again`,
  checkAgainReason: "Why you check again",
  checkAgainReasonHint: "The learner reads it.",
  checkAgainConsequence:
    "The learner sends new photos, or you check without photos if this learner sends none. An assessment that was started continues; others cannot be authorised until you decide.",
  checkAgainConfirm: "Check again now",
  checkAgainCancel: "Do not check again",
  requestCheck: "Request an identity check…",
  requestCheckForm: (subject: string) => `Request an identity check from ${subject}`,
  requestCheckReason: "Why you request an identity check",
  requestCheckReasonHint: (count: number) => (count === 1 ? "The learner reads it." : "The learners read it."),
  requestCheckConsequence:
    "Each learner sends photos, or you check without photos if the learner sends none. Nothing is blocked until then: the clock runs, and answers are saved.",
  requestCheckConfirm: "Request now",
  requestCheckCancel: "Do not request",
  identityRequested: "A proctor asks you for an identity check. Your answers are saved and your time continues.",
  identityReason: (reason: string) => `The reason: ${reason}`,
  identityRequestedLink: "Send photos",
  identityNeeded: "Your identity has to be checked again. Your answers are saved and your time continues.",
  identityLink: "Send new photos",
};

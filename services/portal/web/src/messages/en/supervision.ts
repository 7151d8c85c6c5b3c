import { duration } from "../format";
import { counted } from "./plurals";

export const supervision = {
  session: "Session",
  theRoster: "the roster",
  accessLog: "Access log: photos and session record",

  // Actions on the session.
  takesPart: "You take part in this session as a learner, so you cannot run it.",
  actsAsAdministrator: "What you do in this session is recorded as done by an administrator.",
  notCertified:
    "You are not certified as a proctor at present, so you cannot start this session. Ask your administrator to certify you, then reload this page.",
  openLobby: "Open the lobby",
  start: (waiting: number) => `Start the session (${waiting} waiting)`,
  startAsk: (waiting: number) => `Start the session (${waiting} waiting)…`,
  startConfirm: "Start the session now",
  startCancel: "Do not start yet",
  nobodyWaits: "Nobody waits in the lobby yet.",
  everybodyIsHere: "Everybody who is invited is here.",
  doubt: {
    nobodyWaits: "Nobody waits in the lobby.",
    absent: (absent: number, invited: number, names: string) =>
      `${absent} of ${invited} ${absent === 1 ? "is" : "are"} not here: ${names}.`,
    lateEntryOpen: (seconds: number) =>
      `Late entry is open: learners can still join for ${duration(seconds)} after the start.`,
    lateEntryClosed: "Late entry is closed: nobody can join after the start.",
    shutOut: (absent: number) =>
      `Late entry is closed: ${absent === 1 ? "this learner" : "they"} will not be able to join.`,
    early: (time: string, seconds: number) => `The planned start is ${time}, in ${duration(seconds)}.`,
  },
  others: (count: number) => `and ${counted(count, "other")}`,
  end: "End the session…",
  endConsequence: "Everybody leaves the session, and open attempts are submitted with all saved answers.",
  endConfirm: "End the session now",
  endCancel: "Do not end it",
  cancel: "Cancel the session…",
  cancelConsequence: "Everybody who was notified of it is notified that it is cancelled.",
  cancelConfirm: "Cancel the session now",
  cancelCancel: "Do not cancel it",

  // Authorising an assessment.
  theAssessment: "the assessment",
  quoted: (title: string) => `“${title}”`,
  authoriseAll: (assessment: string) => `Authorise ${assessment} for all who are ready`,
  nobodyWaitsFor: (assessment: string) => `Nobody is waiting for ${assessment}.`,
  canStart: (count: number, assessment: string) => `${counted(count, "learner")} can start ${assessment}.`,
  nobodyNew: (assessment: string) => `No further learner can start ${assessment}.`,
  notVerified: (count: number) => `${counted(count, "learner")} left out: identity not verified.`,
  notInSession: (count: number) => `${counted(count, "learner")} left out: not in the session.`,

  // The roster.
  nobodyJoined: "Nobody has joined yet.",
  nobodyHadJoined: "Nobody had joined.",
  learnersTitle: "Learners",
  summary: {
    joined: (count: number) => counted(count, "learner"),
    absent: (absent: number) => ` joined, ${absent} ${absent === 1 ? "is" : "are"} not here`,
    didNotCome: (absent: number) => ` joined, ${absent} did not come`,
    attention: (count: number) =>
      `; ${count === 0 ? "nobody needs attention now" : counted(count, "needs attention", "need attention")}`,
  },
  showOnlyAttention: "Show only learners who need attention",
  hideSettled: (count: number) => `Hide learners who need no attention (${count})`,
  nobodyNeedsAttention: "Nobody needs attention now. Learners who do appear here.",
  rosterCaption: "Roster, by time of arrival; learners who have not joined come last",
  columns: {
    learner: "Learner",
    attention: "Needs attention",
    state: "State",
    connection: "Connection",
    identity: "Identity",
    assessment: "Assessment",
    messages: "Chat",
    incidents: "Incidents",
  },
  nothing: "Nothing",
  need: {
    identity: "Identity to check",
    disconnected: "Disconnected",
    authorisation: "To authorise",
    message: "Unread message",
    hand: "Raised hand",
  },
  participantState: {
    waiting: "Waiting",
    inSession: "In Session",
    completed: "Completed",
    removed: "Removed",
    noShow: "No-show",
    left: "Left, no assessment started",
    cancelled: "Cancelled",
    notJoined: "Not here yet",
  },
  connected: "Connected",
  disconnected: "Disconnected",
  identityState: {
    undecided: "Not decided",
    notRequested: "Not requested",
    photosMissing: "Photos missing",
    newPhotosRequested: "New photos requested",
    verified: "Verified",
    rejected: "Rejected",
    waiting: "Waiting for a decision",
  },
  progress: {
    notStarted: "Not started",
    notAuthorised: "Not authorised",
    canStart: "Can start",
    saved: (answered: number, count: number) => `${answered} of ${counted(count, "answer")} saved`,
    beingSubmitted: (saved: string) => `${saved}, being submitted`,
    submitted: "Submitted",
    submittedResultToCome: "Submitted, result to come",
    released: "Result released",
  },
  authorise: "Authorise",
  assessmentFor: (title: string, name: string) => `“${title}” for ${name}`,

  // Removing a learner.
  remove: "Remove…",
  removeForm: (name: string) => `Remove ${name} from the session`,
  removalReason: (name: string) => `Why ${name} is removed`,
  removalReasonHint: "The learner reads it.",
  removalConsequence:
    "They leave the session within seconds and cannot come back. An assessment that they have started is submitted as it is saved, and its result is held until an administrator releases it. No page can undo this.",
  removeConfirm: "Remove now",
  removeCancel: "Do not remove",

  // A held result.
  resultHeld: "Submitted, result held",
  release: "Release the result…",
  assessmentOf: (title: string, name: string) => `“${title}” of ${name}`,
  releaseForm: (of: string) => `Release the result: ${of}`,
  releaseReason: "Why the result is released",
  releaseReasonHint: "Stored permanently with the decision.",
  releaseConsequence:
    "The learner sees the result and receives an e-mail, and a pass counts towards the course. This cannot be undone.",
  releaseConfirm: "Release now",
  releaseCancel: "Keep it held",
  released: "The result is released.",
};

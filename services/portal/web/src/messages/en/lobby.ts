import type { ComponentChild, ComponentChildren } from "preact";

export const lobby = {
  // Joining a session.
  joinTitle: "Enter Enrollment Code",
  code: "Enrollment code",
  codeHint: "6 to 8 letters and digits. Upper and lower case matter: type the code exactly as you were given it.",
  codeInvalidCharacter: (character: string) => codeInvalid(`“${character}” cannot be part of one.`),
  codeInvalidLength: (length: number) => codeInvalid(`This text has ${length}.`),
  join: "Join Session",
  joining: "Joining…",
  codeValidFrom: (time: string) => `The code is valid from ${time}.`,
  lobbyOpens: (time: string) => `The lobby opens ${time}, or earlier if a proctor or an administrator opens it.`,

  // The learner's session.
  session: "Session",
  theSession: "the session",
  notJoined: "You have not joined this session yet. Type the enrollment code that you were given.",
  cancelled: "This session was cancelled. You did nothing wrong, and your administrator will tell you what comes next.",
  noShow: "This session ended before you were in it. If you have questions, ask your administrator.",
  state: {
    awaitingApproval: "Waiting to be admitted",
    denied: "Not admitted",
    waiting: "Waiting",
    inSession: "In Session",
    paused: "Paused",
    onBreak: "On a break",
    completed: "Completed",
    removed: "Removed",
    left: "Ended, nothing started",
    noShow: "No-show",
  },
  pauseHint: "The clocks of your assessments are stopped. Stay here: this page changes when your proctor resumes.",
  lobbyTitle: "Session lobby",
  lobbyHint: (start: ComponentChild): ComponentChildren => [
    "You have joined the session. When it starts, this page shows the course content automatically. Planned start: ",
    start,
    ".",
  ],
  proctors: (names: string) => `Proctor: ${names}`,
  identityCheck: "Identity check",
  assessment: "Assessment",
  assessments: "Assessments",
  noAssessment: "This session has no assessment.",
  courseContent: "Course content",
  theCourse: "the course",
  canStart: (title: string) => `You can start ${title}`,
  quoted: (title: string) => `“${title}”`,
  authorised: "The assessment is authorised for you.",
  toAssessment: "Go to the assessment",
  continueAssessment: "Continue the assessment",
  submitted:
    "You have submitted your answers. Your result appears here when it is released, after the end of the session.",
  seeSubmission: "See what was submitted",
  resultReleased: "Your result is released.",
  seeResult: "See your result",
  toRecord: "What was recorded about you",
  endedTitle: "The session has ended",
  endedOn: (time: string) => `It ended ${time}. Thank you for taking part.`,
  notStarted: "not started.",
};

function codeInvalid(cause: string): string {
  return `An enrollment code has 6 to 8 letters (A to Z, a to z) and digits. ${cause} Please compare it with the code that you were given.`;
}

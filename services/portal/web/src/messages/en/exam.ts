import { duration, list } from "../format";
import { counted } from "./plurals";

export const exam = {
  assessment: "Assessment",
  theAssessment: "the assessment",
  yourQuestions: "your questions",

  // The learner in the session.
  sessionEnded: "The session has ended, and the answers that were saved by then are being submitted for you.",

  // Before the start.
  nextStep: {
    sendPhotos:
      "The next step is yours: send the two photos for the identity check. Once your identity is verified, the assessment can be authorised for you.",
    sendNewPhotos:
      "The next step is yours: send new photos for the identity check. Once your identity is verified, the assessment can be authorised for you.",
    waitForDecision:
      "Please wait while your identity is checked. Once your identity is verified, the assessment can be authorised for you.",
    rejected:
      "The assessment stays closed because your identity could not be verified. “Identity check” says what you can do now.",
    wait: "Please wait. When the assessment is authorised for you, you can start it here.",
  },
  toIdentityCheck: "Go to the identity check",
  startHint: (questions: number, seconds: number | undefined) =>
    `${counted(questions, "question")}${seconds === undefined ? "" : `, ${duration(seconds)}`}. The clock starts when you start the assessment. Every answer is saved at once, and you can change it until you submit.`,
  start: "Start the assessment",
  quoted: (title: string) => `“${title}”`,
  otherRunning: (title: string) => `You have not submitted “${title}” yet.`,
  continueOther: (title: string) => `Continue “${title}”`,
  startToo: (title: string) => `Start “${title}” too…`,
  startTooConsequence: (other: string) => `The time of “${other}” continues while you answer this one: two clocks run.`,
  startTooConfirm: (title: string) => `Start “${title}” now`,
  startTooCancel: (other: string) => `Finish “${other}” first`,
  voided:
    "The session ended for you before you started, so there is nothing to submit. If you have questions, ask your administrator.",

  // Pauses and extra time.
  paused: "Paused by your proctor",
  pauseReason: (reason: string) => `The reason: ${reason}`,
  pauseHint:
    "Your clock is stopped and the questions are hidden. Your answers are safe. The questions reappear when your proctor resumes.",
  pauseHintVisible:
    "Your clock is stopped. You can read the questions, and answer them again when your proctor resumes. Your answers are safe.",
  pauseHintBeforeStart: "You can start the assessment when your proctor resumes. You lose no time.",
  resumesSoon: "Your proctor has resumed. You can continue in a moment.",
  clockStands: "Clock stopped",
  extraTime: (seconds: number, reason: string) =>
    `You have ${duration(seconds)} of extra time, which the clock includes. The reason: ${reason}`,
  extraTimeTakenBack: (reason: string) => `Your extra time was taken back. The reason: ${reason}`,

  // The clock.
  timeLeft: (title: string) => `Time left for ${title}`,
  timeOver: "Your time is over.",
  left: (seconds: number) => `${duration(seconds)} left.`,
  lessThanLeft: (seconds: number) => `Less than ${duration(seconds)} left.`,

  // Questions.
  questions: "Questions",
  questionNumber: (number: number, count: number) => `Question ${number} of ${count}`,
  questionPoints: (points: string) => `(${points})`,
  questionLink: (number: number, answered: boolean) => `Question ${number}, ${answered ? "answered" : "not answered"}`,
  yourAnswer: "Your answer",
  true: "True",
  false: "False",
  clearAnswer: "Clear my answer",
  toQuestion: (number: number) => `to question ${number}`,
  notANumber:
    "This is not a number, so nothing is saved for this question. Write it like 1000, 0.5 or -3, without spaces.",
  ambiguousNumber:
    "This can be read in two ways. Which number do you mean? Until you choose one, nothing is saved for this question.",
  whichNumber: "Which number do you mean?",
  readAs: (number: string) => `Read as ${number}.`,
  superseded:
    "You gave a newer answer to this question on another device or in another tab. That one counts, and it is shown here.",
  allAnswered: "All questions are answered.",
  unanswered: "Not answered yet:",

  // Saving.
  saving: "Saving…",
  saved: "Saved",
  notAnswered: "Not answered yet",
  storedOnDevice: "Stored on this device, not sent yet",
  notSaved: "Not saved",
  allSaved: "All answers saved",
  cannotBeSaved: (count: number) => `${counted(count, "answer")} cannot be saved`,
  offline: (count: number) => `Offline: ${counted(count, "answer")} stored on this device`,
  connectionLost:
    "The connection is lost. Keep answering: your answers are stored on this device and sent automatically when it is back. Your time continues. If the problem persists, tell your proctor.",
  connectionLostPaused:
    "The connection is lost. Your answers are safe. This page shows when your proctor has resumed only after the connection is back. If the problem persists, tell your proctor.",
  connectionLostTimeOver:
    "Your time is over. What is on this device is sent when the connection is back; what you change now arrives late.",
  connectionLostReadOnly:
    "The connection is lost. Answers that are stored on this device are sent when it is back. If the problem persists, tell your proctor.",
  cannotStore:
    "Keep this page open until all answers are saved: this browser does not let us store them on this device.",

  // Submitting.
  submit: "Submit",
  submitLabel: "Submit…",
  notAnsweredCount: (count: number) => `${counted(count, "question is", "questions are")} not answered.`,
  unsavable: (numbers: readonly number[]) =>
    `What you typed at ${numbers.length === 1 ? "question" : "questions"} ${list(numbers.map(String))} cannot be saved and will not be submitted.`,
  submitConsequence: "After submitting, nothing can be changed.",
  submitNow: "Submit now",
  submitting: "Submitting…",
  keepAnswering: "Keep answering",
  submitOffline:
    "Without a connection, your answers are submitted automatically as soon as it is back. Keep this page open.",

  // After the submission.
  submitCause: {
    timeOver: "Your time is over. The answers that were saved by then were submitted for you.",
    sessionEnded: "The session has ended. The answers that were saved by then were submitted for you.",
    removed:
      "You were removed from the session. The answers that were saved by then were submitted, and an administrator decides whether the result is released.",
    endedByProctor: "Your proctor ended the session for you. The answers that were saved by then were submitted.",
    inSession: "You have submitted your answers. Tell your proctor that you are done.",
    alone: "You have submitted your answers.",
  },
  submittedOn: (time: string) => `Submitted on ${time}`,
  answeredOf: (answered: number, count: number) => `, with answers to ${answered} of ${counted(count, "question")}.`,
  questionsHidden: "The questions are hidden as long as others in the session are still working on them.",
  resultAfterSession: "Your result follows after the end of the session.",
  pendingAfterSubmission: (count: number) =>
    `${counted(count, "answer is", "answers are")} still on this device and will be sent when the connection is back. Keep this page open. What arrives now is stored and marked as late; it was not submitted.`,
  lateAnswers: (numbers: readonly number[]) =>
    numbers.length === 1
      ? `Your answer to question ${numbers[0]} arrived after the end. It is stored and marked as late, and does not count. If you did not cause this, tell your proctor or your administrator.`
      : `Your answers to questions ${list(numbers.map(String))} arrived after the end. They are stored and marked as late, and do not count. If you did not cause this, tell your proctor or your administrator.`,
  seeResult: "See your result",
  toSession: "Back to the session",
};

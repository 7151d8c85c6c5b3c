import { duration, number, truncatePoints } from "../format";
import { counted } from "./plurals";

export const common = {
  // Header, footer and pages without content.
  skipToContent: "Skip to content",
  mainNavigation: "Main",
  courses: "Courses",
  allCourses: "All courses",
  enterCode: "Enter Enrollment Code",
  results: "Results",
  sessions: "Sessions",
  people: "People",
  messages: (unread: number) => (unread === 0 ? "Messages" : `Messages (${unread} new)`),
  language: "Language",
  languageNotChanged: "The language cannot be changed until your answers have been sent. Choose it again then.",
  forbiddenTitle: "You do not have access to this page",
  forbidden: {
    administrators: "It is for administrators.",
    staff: "It is for proctors and administrators.",
  },
  notFoundTitle: "Page not found",
  toStartPage: "Go to the start page",

  // Loading and errors.
  loading: (what: string) => `Loading ${what}…`,
  loadingLong: "This takes longer than usual. The page keeps trying automatically.",
  yourAccount: "your account",
  unreachable: "The server cannot be reached at the moment.",
  unreachableTryAgain: "The server cannot be reached at the moment. Check your connection and try again.",
  retriesAutomatically: "This page tries again automatically.",
  answersAreStored: "Your answers are stored on this device and sent when the connection is back.",
  nothingIsLost: "What was saved is not lost.",
  unknownError: "Something went wrong on our side. What was saved is not lost. Try again, or ask for help.",
  arrivedBefore:
    "Your earlier request did arrive, with what you had entered then. Check the result before you try again.",
  tryAgainIn: (seconds: number) => `You can try again in ${duration(seconds)}.`,
  tryAgainNow: "You can try again now.",
  help: "Help:",
  connectionLost: "Connection lost, reconnecting…",

  close: "Close",
  table: {
    selectAll: "Select all",
    select: (name: string) => `Select ${name}`,
  },

  // Forms.
  nothingSavedYet: "Nothing was saved yet. Please correct the marked fields.",
  nothingSaved: "Nothing was saved.",
  invalidTime: "This is not a day and time, so nothing was saved. Write it like 2027-03-01T09:00.",
  skippedTime: (zone: string) =>
    `This time does not exist in ${zone}: the clocks are put forward over it on that day. Choose an earlier or a later time.`,
  repeatedTimeUndecided: "Choose which of the two times you mean.",
  repeatedTime: (zone: string) =>
    `The clocks are put back then, so this time occurs twice in ${zone}. Which do you mean?`,
  firstTime: (time: string) => `The first, ${time}`,
  secondTime: (time: string) => `The second, ${time}`,
  inTimeZone: (zone: string) => `In your time zone, ${zone}.`,

  // Courses and points.
  proctored: "Proctored",
  proctoredHint: "Proctored: taken in live sessions under a proctor",
  duration,
  points: (points: number) => counted(truncatePoints(points), "point"),
  pointsOf: (points: number, possible: number) =>
    `${number(truncatePoints(points))} of ${counted(truncatePoints(possible), "point")}`,
  questions: (count: number) => counted(count, "question"),
  hours: (count: number) => counted(count, "hour"),

  role: {
    learner: "Learner",
    proctor: "Proctor",
    administrator: "Administrator",
  },
};

import { duration } from "../format";
import { counted } from "./plurals";

export const breaks = {
  // The learner's control.
  left: (count: number | undefined, seconds: number) =>
    `Left: ${count === undefined ? "" : `${counted(count, "break")}, `}${duration(seconds)}`,
  request: "Request a break",
  requested: "You requested a break. Please wait for a proctor's decision.",
  cancelRequest: "Cancel the request",
  granted: (seconds: number) => `Your break is granted: ${duration(seconds)}. Start it when you are ready.`,
  start: "Start the break",
  cancelGranted: "Do not take the break",
  refused: (reason: string) => `Your break was refused. The reason: ${reason}`,

  // The break screen.
  title: "You are on a break",
  clockStops: "Your clock is stopped until the break is due to end. Then it runs again, even if you have not returned.",
  clockRuns: "Your time continues to run during the break.",
  hidden: "The questions are hidden until you return. Your answers are safe.",
  timeLeft: "Time left in your break",
  overrun: "Your break is over. Return now: your time is running, and the proctors see that you are late.",
  comeBack: "Return from the break",
  continueSoon: "You have returned. You can continue in a moment.",

  // The proctors' queue.
  queueTitle: (count: number) => (count ? `Breaks (${count})` : "Breaks"),
  none: "Nobody has requested a break or is on a break.",
  waiting: (seconds: number) =>
    seconds < 60 ? "requested less than a minute ago" : `requested ${duration(Math.floor(seconds / 60) * 60)} ago`,
  longest: (seconds: number) => `up to ${duration(seconds)} possible`,
  minutesFor: (name: string) => `Minutes of break for ${name}`,
  grant: "Grant the break",
  refuse: "Refuse the break…",
  refuseForm: (name: string) => `Refuse the break of ${name}`,
  refuseReason: "Why you refuse",
  refuseReasonHint: "The learner reads the reason.",
  refuseConsequence: "The learner can request another break.",
  refuseConfirm: "Refuse the break now",
  refuseCancel: "Decide later",
  notStarted: (seconds: number) => `granted: ${duration(seconds)}, not started yet`,
  onBreak: (seconds: number) => `on a break, ${duration(seconds)} left`,
  due: "on a break, due back now",
  isOverrun: "Not back in time",
  overrunBy: (seconds: number) => `late by ${duration(seconds)}`,
  overrunOf: (names: string) => `Not back from a break in time: ${names}`,

  // The policy on the page that schedules a session.
  count: "Number of breaks",
  countHint:
    "How many breaks each learner can take. With 0, only learners with extra break time in their accommodations can take breaks.",
  length: "Longest break, in minutes",
  total: "All breaks together, in minutes",
  totalHint: "Leave it empty if every break can have its full length.",
  clock: "Clock during a break",
  stopClock: "The clock stops, for at most the granted length",
};

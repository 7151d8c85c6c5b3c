import { duration, timeLeft } from "../format";
import { counted } from "./plurals";

export const console = {
  // The session bar.
  bar: "Session",
  started: (time: string) => `Started ${time}`,
  starts: (time: string) => `Starts ${time}`,
  ended: (time: string) => `Ended ${time}`,
  left: (seconds: number) => `${timeLeft(seconds)} left`,
  minutesLeft: (seconds: number) => (seconds < 60 ? "less than a minute left" : `${timeLeft(seconds)} left`),
  overdue: (seconds: number) => `${duration(seconds)} over`,
  options: "Options",
  sound: "Sound for what is urgent",
  titleBadge: "Number in the page title",
  shortcuts: "Keyboard shortcuts",

  // The queues, the search and the selection.
  queues: {
    label: "Show in the roster",
    all: "All",
    attention: "Attention",
    hand: "Hands",
    overrun: "Late from breaks",
    break: "Breaks",
    lateEntry: "Late entries",
    disconnected: "Offline",
    message: "Unread",
    identity: "Identity",
    authorisation: "Authorisation",
  },
  search: "Find a learner by name",
  nobodyFound: "No learner has this name. Change the search, or show all learners.",
  bulk: {
    label: "Selected learners",
    selected: (count: number) => `${counted(count, "learner")} selected`,
    clear: "Clear the selection",
    absent: (count: number) => `${counted(count, "selected learner")} not here yet: actions do not apply to them.`,
    undo: "Undo",
    theSelected: "the selected learners",
    forTheSelected: (title: string) => `“${title}” for the selected learners`,
    reasonHint: "The selected learners read it.",
    pauseForm: (count: number) => `Pause ${counted(count, "learner")}`,
    pauseConsequence: "Their clocks are stopped and the questions are hidden until you resume.",
    extraTimeForm: (count: number) => `Extra time for ${counted(count, "learner")}`,
    removeForm: (count: number) => `Remove ${counted(count, "learner")} from the session`,
    removalReason: "Why the learners are removed",
    removalConsequence:
      "Their clocks are stopped and the questions are hidden until you readmit them. If you do not, their assessments are submitted when the session ends, and the results are held until an administrator releases them.",
    changed: (changed: number, of: number) => `Done for ${changed} of ${counted(of, "learner")}.`,
  },

  // The panel of a learner.
  panel: {
    close: "Back to the session",
    tabs: (name: string) => `About ${name}`,
    overview: "Overview",
    timeline: "Timeline",
    absent: "This learner is invited and has not joined yet.",
    joined: "Joined",
    incidents: (name: string) => `Incidents about ${name}`,
  },

  // Keyboard shortcuts.
  shortcutsOn: "Use the shortcuts",
  shortcutsHint: "In a row of the roster, the shortcuts always work.",
  keys: {
    help: "Show this list",
    search: "Find a learner",
    rows: "Next or previous learner",
    open: "Open the learner",
    select: "Select the learner",
    incident: "Report an incident about the learner",
    chat: "Chat with the learner",
    close: "Back to the roster",
  },
};

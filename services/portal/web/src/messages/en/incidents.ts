import { counted } from "./plurals";

export const incidents = {
  // The list.
  title: (count: number | undefined) => (count ? `Incidents (${count})` : "Incidents"),
  theIncidents: "the incidents",
  explanation:
    "Proctors' notes for use after the session. Learners cannot read them, and they change nothing in the session.",
  shortcut: "To report an incident about one learner, go to their name in the roster and press I.",
  none: "No incident was reported.",
  wholeSession: "Whole session",
  category: (group: string, title: string) => (group === title ? title : `${group}: ${title}`),
  severity: { note: "Note", warning: "Warning", serious: "Serious" },
  occurred: (time: string) => `Happened ${time}`,
  writtenBy: (name: string, time: string) => `Written by ${name}, ${time}`,
  changedBy: (name: string, time: string) => `Changed by ${name}, ${time}`,
  administrator: (name: string) => `${name} (administrator)`,
  anAdministrator: "an administrator",
  count: (count: number) => counted(count, "incident"),
  showOf: "Show incidents about",
  everybody: "All learners and the whole session",
  showMore: (count: number) => `Show ${count} more`,

  // The history.
  changed: (times: number) => `Changed ${times === 1 ? "once" : `${counted(times, "time")}`}`,
  theHistory: "the history",
  earlier: "Earlier versions, newest first:",

  // The buttons that open the form.
  report: "Report an incident…",
  reportShort: "Report…",
  aboutSession: "about the whole session",
  aboutLearner: (name: string) => `an incident about ${name}`,
  continueDraft: "Continue draft…",
  change: "Change…",
  changeOf: (category: string, subject: string, time: string) => `${category}, ${subject}, ${time}`,

  // The form.
  reportAbout: (subject: string) => `Report an incident: ${subject}`,
  changeAbout: (subject: string) => `Change the incident: ${subject}`,
  categoryLabel: "Category",
  chooseCategory: "Choose a category",
  severityLabel: "Severity",
  severityChoice: {
    note: "Note: no action is needed",
    warning: "Warning: somebody should look at it after the session",
    serious: "Serious: it may change whether the result can be used",
  },
  note: "What happened",
  charactersLeft: (count: number) => `${counted(count, "character")} left.`,
  time: "When it happened",
  save: "Save the incident",
  close: "Close",
  discard: "Discard the draft…",
  discardConsequence: "What you typed is deleted.",
  discardConfirm: "Discard it now",
  discardCancel: "Keep it",
  saved: "The incident is saved.",
  draftKept: "The incident is not saved yet. Your draft is kept while this page is open.",
  draftDiscarded: "The draft is discarded.",

  // Another person changed the incident in the meantime.
  changedMeanwhile: (name: string, time: string) =>
    `While you were writing, ${name} changed this incident (${time}), so your version is not saved yet. The incident is now:`,
  changedMeanwhileNext:
    "The form below has the values that you entered, and the other person's values in all other fields. Save it to replace their version.",
};

export const coverage = {
  // Sessions without a present proctor.
  alarmTitle: "Sessions without a proctor",
  alarm: (title: string) => `No proctor is present in “${title}”.`,
  since: (time: string) => `Without a proctor since ${time}.`,
  openSession: "Open the session",
  openHint: "You are the lead proctor. The alarm ends when you open the session.",
  take: "Take over",
  takeHint: "You become the lead proctor. The former lead proctor stays a proctor of the session.",

  // The proctors of a session.
  title: "Proctors",
  lead: (name: string) => `Lead proctor: ${name}`,
  you: "you",
  present: (names: string) => `Present now: ${names}`,
  nobodyPresent: "Nobody is present now.",
  anAdministrator: "an administrator",
  takeLead: "Become the lead proctor…",
  takeLeadConfirm: "Become the lead proctor",
  takeLeadCancel: "Leave it as it is",
  handOver: "Hand the session over…",
  handOverForm: "Hand the session over",
  handOverTo: "New lead proctor",
  handOverHint: "The new lead proctor is notified by e-mail. The former lead proctor stays a proctor of the session.",
  handOverConfirm: "Hand over",
  handOverCancel: "Do not hand over",
  nobodyToHandOverTo:
    "There is no other proctor to whom this session can be handed over. An administrator can hand it over to any certified proctor.",
};

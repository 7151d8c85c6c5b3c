import type { Messages } from "../catalogue";

export const coverage: Messages["coverage"] = {
  // Sessions without a present proctor.
  alarmTitle: "Sitzungen ohne Aufsicht",
  alarm: (title: string) => `In „${title}“ ist keine Aufsicht anwesend.`,
  since: (time: string) => `Ohne Aufsicht seit ${time}.`,
  openSession: "Sitzung öffnen",
  openHint: "Sie leiten die Aufsicht. Der Alarm endet, wenn Sie die Sitzung öffnen.",
  take: "Übernehmen",
  takeHint: "Sie leiten dann die Aufsicht. Die bisherige Leitung führt weiterhin Aufsicht in der Sitzung.",

  // The proctors of a session.
  title: "Aufsicht",
  lead: (name: string) => `Leitung der Aufsicht: ${name}`,
  you: "Sie",
  present: (names: string) => `Jetzt anwesend: ${names}`,
  nobodyPresent: "Jetzt ist niemand anwesend.",
  anAdministrator: "Administration",
  takeLead: "Leitung übernehmen…",
  takeLeadConfirm: "Leitung jetzt übernehmen",
  takeLeadCancel: "Nichts ändern",
  handOver: "Sitzung übergeben…",
  handOverForm: "Sitzung übergeben",
  handOverTo: "Neue Leitung",
  handOverHint:
    "Die neue Leitung wird per E-Mail benachrichtigt. Die bisherige Leitung führt weiterhin Aufsicht in der Sitzung.",
  handOverConfirm: "Übergeben",
  handOverCancel: "Nicht übergeben",
  nobodyToHandOverTo:
    "Es gibt keine andere Aufsicht, an die diese Sitzung übergeben werden kann. Die Administration kann sie an jede zertifizierte Aufsicht übergeben.",
};

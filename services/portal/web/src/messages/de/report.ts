import type { Messages } from "../catalogue";
import { duration, number } from "../format";
import { counted } from "./plurals";

export const report: Messages["report"] = {
  title: "Bericht",
  titleOf: (title: string) => `Bericht: ${title}`,
  link: "Bericht",
  linkOf: (title: string) => `zu ${title}`,
  loading: "der Bericht",
  toSession: "Zurück zur Sitzung",
  preliminary: "Dieser Bericht ist vorläufig, weil die Sitzung noch nicht vorbei ist.",
  noResults: "Die Ergebnisse sind zurzeit nicht verfügbar. Laden Sie diese Seite später noch einmal.",
  downloadPdf: "Als PDF herunterladen",
  downloadCsv: "Als CSV herunterladen",
  created: (time: string) => `Erstellt: ${time}`,
  period: (start: string, end: string) => `${start} – ${end}`,
  now: "jetzt",
  anAdministrator: "eine Person der Administration",

  // The session.
  summary: "Übersicht",
  course: "Kurs",
  planned: "Geplant",
  actual: "Tatsächlich",
  startedBy: "Begonnen von",
  endedBy: "Beendet von",
  proctors: "Aufsichtspersonen",
  leadChanges: "Wechsel der leitenden Aufsicht",
  taken: (time: string, lead: string, former: string) => `${time}: ${lead} übernahm die Sitzung von ${former}`,
  handedOver: (time: string, lead: string, former: string) => `${time}: ${lead} erhielt die Sitzung von ${former}`,
  sessionPauses: "Pausen der gesamten Sitzung",
  uncovered: "Zeiten ohne anwesende Aufsicht",
  announcements: "Ansagen",
  sessionIncidents: "Vorkommnisse der gesamten Sitzung",

  // The learners.
  learners: (count: number) => `Teilnehmende (${count})`,
  noLearners: "Niemand war eingeladen, und niemand ist beigetreten.",
  columns: {
    name: "Name",
    state: "Status",
    times: "Zeiten",
    interruptions: "Unterbrechungen",
    contact: "Kontakt",
    attempts: "Prüfungsversuche und Ergebnisse",
  },
  joined: (time: string) => `Beigetreten: ${time}`,
  inSession: (period: string) => `In der Sitzung: ${period}`,
  removed: (period: string) => `Entfernt: ${period}`,
  timeInSession: (seconds: number) => `Zeit in der Sitzung: ${duration(seconds)}`,
  outages: (count: number, seconds: number) =>
    `${counted(count, "Verbindungsausfall", "Verbindungsausfälle")}: ${duration(seconds)}`,
  admittedReturns: (count: number) => `${number(count)}-mal wieder eingelassen`,
  deniedReturns: (count: number) => `${number(count)}-mal nicht wieder eingelassen`,
  pauses: (count: number, seconds: number) => `${counted(count, "Pause", "Pausen")}: ${duration(seconds)}`,
  ownPauses: (count: number) => `${counted(count, "Pause", "Pausen")} nur dieser Person`,
  breaks: (count: number, seconds: number) =>
    `${counted(count, "Erholungspause", "Erholungspausen")}: ${duration(seconds)}`,
  breakOverruns: (count: number) => `Verspätet aus ${counted(count, "Erholungspause", "Erholungspausen")}`,
  changesDuringStops: (count: number) =>
    `${counted(count, "Änderung", "Änderungen")} von Antworten während Pause, Erholungspause, Entfernung oder Warten auf Einlass`,
  extraTime: (seconds: number) => `Zusätzliche Zeit: ${duration(seconds)}`,
  hands: (count: number) => `${counted(count, "Meldung", "Meldungen")}`,
  messages: (count: number) => `${counted(count, "Nachricht", "Nachrichten")}`,
  serious: (count: number) => `${counted(count, "schwerwiegendes Vorkommnis", "schwerwiegende Vorkommnisse")}`,
  warnings: (count: number) => `${counted(count, "Warnung", "Warnungen")}`,
  notes: (count: number) => `${counted(count, "Hinweis", "Hinweise")}`,
  attemptState: {
    notAuthorised: "Nicht freigeschaltet",
    notStarted: "Nicht begonnen",
    inProgress: "Läuft",
    submitted: "Abgegeben",
    released: "Ergebnis freigegeben",
    voided: "Geschlossen, nicht begonnen",
  },
  cause: {
    learner: "Selbst abgegeben",
    timeLimit: "Abgegeben, als die Zeit vorbei war",
    sessionEnded: "Abgegeben am Ende der Sitzung",
    removed: "Abgegeben, während die Person entfernt war",
    endedByProctor: "Abgegeben, als die Aufsicht die Sitzung für die Person beendete",
  },
  answered: (answered: number, count: number) => `${answered} von ${counted(count, "Frage", "Fragen")} beantwortet`,
  points: (points: string, possible: string) => `${points} von ${possible} Punkten`,
  passed: "Bestanden",
  notPassed: "Nicht bestanden",
  assessment: "Prüfung",

  // The incidents.
  incidents: (count: number) => `Vorkommnisse (${count})`,
  incidentColumns: {
    time: "Zeit",
    concerns: "Betrifft",
    severity: "Schweregrad",
    category: "Kategorie",
    note: "Notiz",
  },
  moreIncidents: (count: number) =>
    `${counted(count, "weiteres Vorkommnis", "weitere Vorkommnisse")}: siehe die Seite der Sitzung.`,
};

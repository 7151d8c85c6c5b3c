import type { Messages } from "../catalogue";
import { duration, number, truncatePoints } from "../format";
import { counted } from "./plurals";

export const common: Messages["common"] = {
  // Header, footer and pages without content.
  skipToContent: "Zum Inhalt springen",
  mainNavigation: "Hauptnavigation",
  courses: "Kurse",
  allCourses: "Alle Kurse",
  enterCode: "Zugangscode eingeben",
  results: "Ergebnisse",
  sessions: "Sitzungen",
  people: "Personen",
  messages: (unread: number) => (unread === 0 ? "Nachrichten" : `Nachrichten (${unread} neu)`),
  language: "Sprache",
  languageNotChanged:
    "Die Sprache wird erst gewechselt, wenn Ihre Antworten gesendet sind. Wählen Sie sie dann noch einmal.",
  forbiddenTitle: "Sie haben keinen Zugriff auf diese Seite",
  forbidden: {
    administrators: "Sie ist der Administration vorbehalten.",
    staff: "Sie ist der Aufsicht und der Administration vorbehalten.",
  },
  notFoundTitle: "Seite nicht gefunden",
  toStartPage: "Zur Startseite",

  // Loading and errors.
  loading: (what: string) => `Wird geladen: ${what}…`,
  loadingLong: "Das dauert länger als sonst. Die Seite versucht es von selbst weiter.",
  yourAccount: "Ihr Konto",
  unreachable: "Der Server ist zurzeit nicht erreichbar.",
  unreachableTryAgain:
    "Der Server ist zurzeit nicht erreichbar. Prüfen Sie Ihre Verbindung und versuchen Sie es noch einmal.",
  retriesAutomatically: "Diese Seite versucht es von selbst noch einmal.",
  answersAreStored:
    "Ihre Antworten sind auf diesem Gerät gespeichert und werden gesendet, sobald die Verbindung wieder steht.",
  nothingIsLost: "Was gespeichert wurde, ist nicht verloren.",
  unknownError:
    "Bei uns ist etwas schiefgegangen. Was gespeichert wurde, ist nicht verloren. Versuchen Sie es noch einmal oder bitten Sie um Hilfe.",
  arrivedBefore:
    "Ihre vorige Anfrage ist doch angekommen, mit dem, was Sie damals eingegeben hatten. Sehen Sie sich das Ergebnis an, bevor Sie es noch einmal versuchen.",
  tryAgainIn: (seconds: number) => `Sie können es in ${duration(seconds)} noch einmal versuchen.`,
  tryAgainNow: "Sie können es jetzt noch einmal versuchen.",
  help: "Hilfe:",
  connectionLost: "Verbindung unterbrochen, sie wird wiederhergestellt…",

  close: "Schließen",
  table: {
    selectAll: "Alle auswählen",
    select: (name: string) => `${name} auswählen`,
  },

  // Forms.
  nothingSavedYet: "Es wurde noch nichts gespeichert. Bitte korrigieren Sie die markierten Felder.",
  nothingSaved: "Es wurde nichts gespeichert.",
  invalidTime:
    "Das ist kein Datum mit Uhrzeit, deshalb wurde nichts gespeichert. Schreiben Sie beides wie 2027-03-01T09:00.",
  skippedTime: (zone: string) =>
    `Diese Uhrzeit gibt es in ${zone} nicht: An diesem Tag werden die Uhren darüber hinweg vorgestellt. Wählen Sie eine frühere oder spätere.`,
  repeatedTimeUndecided: "Wählen Sie aus, welchen der beiden Zeitpunkte Sie meinen.",
  repeatedTime: (zone: string) =>
    `Die Uhren werden dann zurückgestellt, deshalb gibt es diese Uhrzeit in ${zone} zweimal. Welche meinen Sie?`,
  firstTime: (time: string) => `Die erste, ${time}`,
  secondTime: (time: string) => `Die zweite, ${time}`,
  inTimeZone: (zone: string) => `In Ihrer Zeitzone, ${zone}.`,

  // Courses and points.
  proctored: "Beaufsichtigt",
  proctoredHint: "Beaufsichtigt: findet in Sitzungen unter Aufsicht statt",
  duration,
  points: (points: number) => counted(truncatePoints(points), "Punkt", "Punkte"),
  pointsOf: (points: number, possible: number) =>
    `${number(truncatePoints(points))} von ${counted(truncatePoints(possible), "Punkt", "Punkten")}`,
  questions: (count: number) => counted(count, "Frage", "Fragen"),
  hours: (count: number) => counted(count, "Stunde", "Stunden"),

  role: {
    learner: "Lernende",
    proctor: "Aufsicht",
    administrator: "Administration",
  },
};

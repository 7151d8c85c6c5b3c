import type { ComponentChild } from "preact";
import type { Messages } from "../catalogue";

export const lobby: Messages["lobby"] = {
  // Joining a session.
  joinTitle: "Zugangscode eingeben",
  code: "Zugangscode",
  codeHint:
    "6 bis 8 Buchstaben und Ziffern. Groß- und Kleinschreibung zählt: Geben Sie den Code genau so ein, wie Sie ihn erhalten haben.",
  codeInvalidCharacter: (character: string) => codeInvalid(`„${character}“ kann nicht darin vorkommen.`),
  codeInvalidLength: (length: number) => codeInvalid(`Dieser Text hat ${length}.`),
  join: "Sitzung beitreten",
  joining: "Beitritt läuft…",
  codeValidFrom: (time: string) => `Der Code gilt ab ${time}.`,
  lobbyOpens: (time: string) =>
    `Der Warteraum wird ${time} geöffnet oder früher, wenn die Aufsicht oder die Administration ihn öffnet.`,

  // The learner's session.
  session: "Sitzung",
  theSession: "die Sitzung",
  notJoined: "Sie sind dieser Sitzung noch nicht beigetreten. Geben Sie den Zugangscode ein, den Sie erhalten haben.",
  cancelled:
    "Diese Sitzung wurde abgesagt. Sie haben nichts falsch gemacht, und Ihre Administration teilt Ihnen mit, wie es weitergeht.",
  noShow:
    "Diese Sitzung endete, bevor Sie daran teilgenommen haben. Wenn Sie Fragen haben, wenden Sie sich an Ihre Administration.",
  state: {
    awaitingApproval: "Wartet auf Einlass",
    denied: "Nicht eingelassen",
    waiting: "Im Warteraum",
    inSession: "In der Sitzung",
    paused: "Pausiert",
    onBreak: "In einer Erholungspause",
    completed: "Abgeschlossen",
    removed: "Entfernt",
    left: "Beendet, nichts begonnen",
    noShow: "Nicht erschienen",
  },
  pauseHint:
    "Die Zeit Ihrer Prüfungen steht still. Bleiben Sie hier: Diese Seite ändert sich, sobald die Aufsicht die Pause beendet.",
  lobbyTitle: "Warteraum der Sitzung",
  lobbyHint: (start: ComponentChild) => [
    "Sie sind der Sitzung beigetreten. Sobald sie beginnt, zeigt diese Seite von selbst den Kursinhalt. Geplanter Beginn: ",
    start,
    ".",
  ],
  proctors: (names: string) => `Aufsicht: ${names}`,
  identityCheck: "Identitätsprüfung",
  assessment: "Prüfung",
  assessments: "Prüfungen",
  noAssessment: "Diese Sitzung hat keine Prüfung.",
  courseContent: "Kursinhalt",
  theCourse: "der Kurs",
  canStart: (title: string) => `Sie können ${title} beginnen`,
  quoted: (title: string) => `„${title}“`,
  authorised: "Die Prüfung ist für Sie freigeschaltet.",
  toAssessment: "Zur Prüfung",
  continueAssessment: "Prüfung fortsetzen",
  submitted:
    "Sie haben Ihre Antworten abgegeben. Ihr Ergebnis erscheint hier, sobald es nach dem Ende der Sitzung freigegeben ist.",
  seeSubmission: "Abgabe ansehen",
  resultReleased: "Ihr Ergebnis ist freigegeben.",
  seeResult: "Ergebnis ansehen",
  toRecord: "Was über Sie aufgezeichnet wurde",
  endedTitle: "Die Sitzung ist beendet",
  endedOn: (time: string) => `Sie endete ${time}. Vielen Dank für Ihre Teilnahme.`,
  notStarted: "nicht begonnen.",
};

function codeInvalid(cause: string): string {
  return `Ein Zugangscode hat 6 bis 8 Buchstaben (A bis Z, a bis z) und Ziffern. ${cause} Bitte vergleichen Sie ihn mit dem Code, den Sie erhalten haben.`;
}

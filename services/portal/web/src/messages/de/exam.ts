import type { Messages } from "../catalogue";
import { duration, list } from "../format";
import { counted } from "./plurals";

const photos = "Sobald Ihre Identität bestätigt ist, kann die Prüfung für Sie freigeschaltet werden.";

function answers(count: number): string {
  return counted(count, "Antwort", "Antworten");
}

export const exam: Messages["exam"] = {
  assessment: "Prüfung",
  theAssessment: "die Prüfung",
  yourQuestions: "Ihre Fragen",

  // The learner in the session.
  sessionEnded: "Die Sitzung ist beendet. Die bis dahin gespeicherten Antworten werden für Sie abgegeben.",

  // Before the start.
  nextStep: {
    sendPhotos: `Der nächste Schritt liegt bei Ihnen: Senden Sie die beiden Fotos für die Identitätsprüfung. ${photos}`,
    sendNewPhotos: `Der nächste Schritt liegt bei Ihnen: Senden Sie neue Fotos für die Identitätsprüfung. ${photos}`,
    waitForDecision: `Bitte warten Sie, während Ihre Identität geprüft wird. ${photos}`,
    rejected:
      "Die Prüfung bleibt geschlossen, weil Ihre Identität nicht bestätigt werden konnte. Unter „Identitätsprüfung“ steht, was Sie jetzt tun können.",
    wait: "Bitte warten Sie. Sobald die Prüfung für Sie freigeschaltet ist, können Sie sie hier beginnen.",
  },
  toIdentityCheck: "Zur Identitätsprüfung",
  startHint: (questions: number, seconds: number | undefined) =>
    `${counted(questions, "Frage", "Fragen")}${seconds === undefined ? "" : `, ${duration(seconds)}`}. Die Uhr läuft, sobald Sie die Prüfung beginnen. Jede Antwort wird sofort gespeichert, und Sie können sie bis zur Abgabe ändern.`,
  start: "Prüfung beginnen",
  quoted: (title: string) => `„${title}“`,
  otherRunning: (title: string) => `Sie haben „${title}“ noch nicht abgegeben.`,
  continueOther: (title: string) => `Mit „${title}“ fortfahren`,
  startToo: (title: string) => `Auch „${title}“ beginnen…`,
  startTooConsequence: (other: string) =>
    `Die Zeit von „${other}“ läuft weiter, während Sie diese Prüfung bearbeiten: Es laufen zwei Uhren.`,
  startTooConfirm: (title: string) => `„${title}“ jetzt beginnen`,
  startTooCancel: (other: string) => `Zuerst „${other}“ abschließen`,
  voided:
    "Die Sitzung endete, bevor Sie begonnen haben, deshalb gibt es nichts abzugeben. Wenn Sie Fragen haben, wenden Sie sich an Ihre Administration.",

  // Pauses and extra time.
  paused: "Von der Aufsicht pausiert",
  pauseReason: (reason: string) => `Der Grund: ${reason}`,
  pauseHint:
    "Ihre Zeit steht still, und die Fragen sind ausgeblendet. Ihre Antworten sind sicher. Die Fragen erscheinen von selbst wieder, sobald die Aufsicht die Pause beendet.",
  pauseHintVisible:
    "Ihre Zeit steht still. Sie können die Fragen lesen und wieder beantworten, sobald die Aufsicht die Pause beendet. Ihre Antworten sind sicher.",
  pauseHintBeforeStart:
    "Sie können die Prüfung beginnen, sobald die Aufsicht die Pause beendet. Sie verlieren keine Zeit.",
  resumesSoon: "Die Aufsicht hat die Pause beendet. Sie können gleich weiterarbeiten.",
  clockStands: "Die Zeit steht still",
  extraTime: (seconds: number, reason: string) =>
    `Sie haben ${duration(seconds)} zusätzliche Zeit, die in der Uhr enthalten ist. Der Grund: ${reason}`,
  extraTimeTakenBack: (reason: string) => `Ihre zusätzliche Zeit wurde zurückgenommen. Der Grund: ${reason}`,

  // The clock.
  timeLeft: (title: string) => `Verbleibende Zeit für ${title}`,
  timeOver: "Ihre Zeit ist abgelaufen.",
  left: (seconds: number) => `Noch ${duration(seconds)}.`,
  lessThanLeft: (seconds: number) => `Noch weniger als ${duration(seconds)}.`,

  // Questions.
  questions: "Fragen",
  questionNumber: (number: number, count: number) => `Frage ${number} von ${count}`,
  questionPoints: (points: string) => `(${points})`,
  questionLink: (number: number, answered: boolean) =>
    `Frage ${number}, ${answered ? "beantwortet" : "nicht beantwortet"}`,
  yourAnswer: "Ihre Antwort",
  true: "Richtig",
  false: "Falsch",
  clearAnswer: "Meine Antwort löschen",
  toQuestion: (number: number) => `auf Frage ${number}`,
  notANumber:
    "Das ist keine Zahl, deshalb wird zu dieser Frage nichts gespeichert. Schreiben Sie sie wie 1000, 0,5 oder -3, ohne Leerzeichen.",
  ambiguousNumber:
    "Das lässt sich auf zwei Arten lesen. Welche Zahl meinen Sie? Bis Sie eine wählen, wird zu dieser Frage nichts gespeichert.",
  whichNumber: "Welche Zahl meinen Sie?",
  readAs: (number: string) => `Gelesen als ${number}.`,
  superseded:
    "Sie haben diese Frage auf einem anderen Gerät oder in einem anderen Tab später beantwortet. Diese spätere Antwort zählt und wird hier angezeigt.",
  allAnswered: "Alle Fragen sind beantwortet.",
  unanswered: "Noch nicht beantwortet:",

  // Saving.
  saving: "Wird gespeichert…",
  saved: "Gespeichert",
  notAnswered: "Noch nicht beantwortet",
  storedOnDevice: "Auf diesem Gerät gespeichert, noch nicht gesendet",
  notSaved: "Nicht gespeichert",
  allSaved: "Alle Antworten gespeichert",
  cannotBeSaved: (count: number) => `${answers(count)} nicht speicherbar`,
  offline: (count: number) => `Offline: ${answers(count)} auf diesem Gerät gespeichert`,
  connectionLost:
    "Die Verbindung ist unterbrochen. Arbeiten Sie weiter: Ihre Antworten werden auf diesem Gerät gespeichert und von selbst gesendet, sobald die Verbindung wieder steht. Ihre Zeit läuft weiter. Dauert es länger, sagen Sie Ihrer Aufsicht Bescheid.",
  connectionLostPaused:
    "Die Verbindung ist unterbrochen. Ihre Antworten sind sicher. Diese Seite zeigt das Ende der Pause erst an, wenn die Verbindung wieder da ist. Dauert es an, sagen Sie es der Aufsicht.",
  connectionLostTimeOver:
    "Ihre Zeit ist abgelaufen. Was auf diesem Gerät gespeichert ist, wird gesendet, sobald die Verbindung wieder steht; was Sie jetzt noch ändern, kommt zu spät an.",
  connectionLostReadOnly:
    "Die Verbindung ist unterbrochen. Antworten, die auf diesem Gerät gespeichert sind, werden gesendet, sobald sie wieder besteht. Wenn das länger dauert, sagen Sie Ihrer Aufsicht Bescheid.",
  cannotStore:
    "Lassen Sie diese Seite geöffnet, bis alle Antworten gespeichert sind: Dieser Browser erlaubt es nicht, sie auf dem Gerät zu speichern.",

  // Submitting.
  submit: "Abgeben",
  submitLabel: "Abgeben…",
  notAnsweredCount: (count: number) => `${counted(count, "Frage ist", "Fragen sind")} nicht beantwortet.`,
  unsavable: (numbers: readonly number[]) =>
    `Was Sie bei ${numbers.length === 1 ? "Frage" : "den Fragen"} ${list(numbers.map(String))} eingegeben haben, kann nicht gespeichert werden und wird nicht abgegeben.`,
  submitConsequence: "Nach der Abgabe kann nichts mehr geändert werden.",
  submitNow: "Jetzt abgeben",
  submitting: "Wird abgegeben…",
  keepAnswering: "Weiter bearbeiten",
  submitOffline:
    "Ohne Verbindung werden Ihre Antworten von selbst abgegeben, sobald sie wieder steht. Lassen Sie diese Seite geöffnet.",

  // After the submission.
  submitCause: {
    timeOver: "Ihre Zeit ist abgelaufen. Die bis dahin gespeicherten Antworten wurden für Sie abgegeben.",
    sessionEnded: "Die Sitzung ist beendet. Die bis dahin gespeicherten Antworten wurden für Sie abgegeben.",
    removed:
      "Sie wurden aus der Sitzung entfernt. Die bis dahin gespeicherten Antworten wurden abgegeben, und die Administration entscheidet, ob das Ergebnis freigegeben wird.",
    endedByProctor:
      "Die Aufsicht hat die Sitzung für Sie beendet. Die bis dahin gespeicherten Antworten wurden abgegeben.",
    inSession: "Sie haben Ihre Antworten abgegeben. Sagen Sie Ihrer Aufsicht, dass Sie fertig sind.",
    alone: "Sie haben Ihre Antworten abgegeben.",
  },
  submittedOn: (time: string) => `Abgegeben am ${time}`,
  answeredOf: (answered: number, count: number) =>
    `, mit Antworten auf ${answered} von ${counted(count, "Frage", "Fragen")}.`,
  questionsHidden: "Die Fragen werden nicht mehr angezeigt, solange andere in der Sitzung noch daran arbeiten.",
  resultAfterSession: "Ihr Ergebnis folgt nach dem Ende der Sitzung.",
  pendingAfterSubmission: (count: number) =>
    `${counted(count, "Antwort ist", "Antworten sind")} noch auf diesem Gerät und ${count === 1 ? "wird" : "werden"} gesendet, sobald die Verbindung wieder steht. Lassen Sie diese Seite geöffnet. Was jetzt ankommt, wird gespeichert und als verspätet gekennzeichnet; es wurde nicht abgegeben.`,
  lateAnswers: (numbers: readonly number[]) =>
    numbers.length === 1
      ? `Ihre Antwort auf Frage ${numbers[0]} ist nach dem Ende angekommen. Sie ist gespeichert und als verspätet gekennzeichnet und zählt nicht. Wenn Sie das nicht verursacht haben, sagen Sie es Ihrer Aufsicht oder Ihrer Administration.`
      : `Ihre Antworten auf die Fragen ${list(numbers.map(String))} sind nach dem Ende angekommen. Sie sind gespeichert und als verspätet gekennzeichnet und zählen nicht. Wenn Sie das nicht verursacht haben, sagen Sie es Ihrer Aufsicht oder Ihrer Administration.`,
  seeResult: "Ergebnis ansehen",
  toSession: "Zurück zur Sitzung",
};

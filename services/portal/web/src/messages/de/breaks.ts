import type { Messages } from "../catalogue";
import { duration } from "../format";
import { counted } from "./plurals";

export const breaks: Messages["breaks"] = {
  // The learner's control.
  left: (count: number | undefined, seconds: number) =>
    `Übrig: ${count === undefined ? "" : `${counted(count, "Erholungspause", "Erholungspausen")}, `}${duration(seconds)}`,
  request: "Erholungspause beantragen",
  requested: "Sie haben eine Erholungspause beantragt. Die Aufsicht entscheidet darüber.",
  cancelRequest: "Antrag zurückziehen",
  granted: (seconds: number) =>
    `Ihre Erholungspause ist gewährt: ${duration(seconds)}. Beginnen Sie sie, wenn Sie bereit sind.`,
  start: "Erholungspause beginnen",
  cancelGranted: "Keine Erholungspause nehmen",
  refused: (reason: string) => `Ihre Erholungspause wurde abgelehnt. Der Grund: ${reason}`,

  // The break screen.
  title: "Sie sind in einer Erholungspause",
  clockStops:
    "Ihre Zeit steht bis zum vorgesehenen Ende der Erholungspause still. Danach läuft sie von selbst weiter, auch wenn Sie nicht zurück sind.",
  clockRuns: "Ihre Zeit läuft während der Erholungspause weiter.",
  hidden: "Die Fragen sind verborgen, bis Sie zurückkehren. Ihre Antworten sind sicher.",
  timeLeft: "Restzeit Ihrer Erholungspause",
  overrun:
    "Ihre Erholungspause ist vorbei. Kehren Sie jetzt zurück: Ihre Zeit läuft, und die Aufsicht sieht, dass Sie sich verspäten.",
  comeBack: "Aus der Erholungspause zurückkehren",
  continueSoon: "Sie sind zurück. Gleich können Sie weiterarbeiten.",

  // The proctors' queue.
  queueTitle: (count: number) => (count ? `Erholungspausen (${count})` : "Erholungspausen"),
  none: "Niemand hat eine Erholungspause beantragt oder nimmt eine.",
  waiting: (seconds: number) =>
    seconds < 60
      ? "vor weniger als einer Minute beantragt"
      : `vor ${duration(Math.floor(seconds / 60) * 60)} beantragt`,
  longest: (seconds: number) => `höchstens ${duration(seconds)} möglich`,
  minutesFor: (name: string) => `Minuten Erholungspause für ${name}`,
  grant: "Erholungspause gewähren",
  refuse: "Erholungspause ablehnen…",
  refuseForm: (name: string) => `Erholungspause ablehnen: ${name}`,
  refuseReason: "Warum Sie ablehnen",
  refuseReasonHint: "Der Grund wird der Person angezeigt.",
  refuseConsequence: "Die Person kann eine weitere Erholungspause beantragen.",
  refuseConfirm: "Jetzt ablehnen",
  refuseCancel: "Später entscheiden",
  notStarted: (seconds: number) => `gewährt: ${duration(seconds)}, noch nicht begonnen`,
  onBreak: (seconds: number) => `in der Erholungspause, noch ${duration(seconds)}`,
  due: "in der Erholungspause, müsste jetzt zurück sein",
  isOverrun: "Nicht rechtzeitig zurück",
  overrunBy: (seconds: number) => `${duration(seconds)} zu spät`,
  overrunOf: (names: string) => `Nicht rechtzeitig aus der Erholungspause zurück: ${names}`,

  // The policy on the page that schedules a session.
  count: "Anzahl der Erholungspausen",
  countHint:
    "Wie viele Erholungspausen alle nehmen können. Bei 0 können nur Personen mit zusätzlicher Pausenzeit im Nachteilsausgleich welche nehmen.",
  length: "Längste Erholungspause, in Minuten",
  total: "Alle Erholungspausen zusammen, in Minuten",
  totalHint: "Lassen Sie das Feld leer, wenn jede Erholungspause ihre volle Länge haben kann.",
  clock: "Uhr während einer Erholungspause",
  stopClock: "Die Uhr steht still, höchstens für die gewährte Länge",
};

import type { Messages } from "../catalogue";
import { duration } from "../format";
import { counted, countedPeople } from "./plurals";

export const supervision: Messages["supervision"] = {
  proctorNote: "Nachteilsausgleich:",
  session: "Sitzung",
  theRoster: "die Teilnehmendenliste",
  accessLog: "Zugriffsprotokoll: Fotos und Sitzungsprotokoll",

  // Actions on the session.
  takesPart: "Sie nehmen selbst an dieser Sitzung teil und können sie deshalb nicht leiten.",
  actsAsAdministrator: "Was Sie in dieser Sitzung tun, wird als Handlung der Administration aufgezeichnet.",
  notCertified:
    "Sie sind zurzeit nicht als Aufsicht zertifiziert und können diese Sitzung deshalb nicht beginnen. Bitten Sie Ihre Administration, Sie zu zertifizieren, und laden Sie diese Seite dann neu.",
  openLobby: "Warteraum öffnen",
  start: (waiting: number) => `Sitzung beginnen (${waiting} im Warteraum)`,
  startAsk: (waiting: number) => `Sitzung beginnen (${waiting} im Warteraum)…`,
  startConfirm: "Sitzung jetzt beginnen",
  startCancel: "Noch nicht beginnen",
  nobodyWaits: "Noch ist niemand im Warteraum.",
  everybodyIsHere: "Alle Eingeladenen sind da.",
  doubt: {
    nobodyWaits: "Niemand ist im Warteraum.",
    absent: (absent: number, invited: number, names: string) =>
      `${absent} von ${invited} ${absent === 1 ? "fehlt" : "fehlen"}: ${names}.`,
    lateEntryOpen: (seconds: number) =>
      `Späterer Einlass ist möglich: Bis ${duration(seconds)} nach Beginn kann noch beigetreten werden.`,
    lateEntryClosed: "Späterer Einlass ist nicht möglich: Nach Beginn kann niemand mehr beitreten.",
    shutOut: (absent: number) =>
      `Späterer Einlass ist nicht möglich: ${absent === 1 ? "Diese Person kann" : "Diese Personen können"} dann nicht mehr beitreten.`,
    early: (time: string, seconds: number) => `Geplanter Beginn ist ${time}, in ${duration(seconds)}.`,
  },
  others: (count: number) => `${counted(count, "weitere Person", "weitere Personen")}`,
  cancel: "Sitzung absagen…",
  cancelConsequence: "Alle, die über die Sitzung benachrichtigt wurden, werden über die Absage benachrichtigt.",
  cancelConfirm: "Sitzung jetzt absagen",
  cancelCancel: "Nicht absagen",

  // Authorising an assessment.
  theAssessment: "die Prüfung",
  quoted: (title: string) => `„${title}“`,
  authoriseAll: (assessment: string) => `Für alle, die bereit sind, freischalten: ${assessment}`,
  nobodyWaitsFor: (assessment: string) => `Niemand wartet auf ${assessment}.`,
  canStart: (count: number, assessment: string) =>
    `${counted(count, "Person kann", "Personen können")} ${assessment} beginnen.`,
  nobodyNew: (assessment: string) => `Niemand sonst kann ${assessment} beginnen.`,
  notVerified: (count: number) => `${countedPeople(count)} ausgelassen: Identität nicht bestätigt.`,
  notInSession: (count: number) => `${countedPeople(count)} ausgelassen: nicht in der Sitzung.`,

  // The roster.
  nobodyJoined: "Noch ist niemand beigetreten.",
  nobodyHadJoined: "Niemand war beigetreten.",
  learnersTitle: "Teilnehmende",
  summary: {
    joined: countedPeople,
    absent: (absent: number) => ` beigetreten, ${absent} ${absent === 1 ? "fehlt" : "fehlen"}`,
    didNotCome: (absent: number) => ` beigetreten, ${absent} nicht erschienen`,
    attention: (count: number) =>
      `; ${
        count === 0
          ? "niemand braucht jetzt Aufmerksamkeit"
          : counted(count, "braucht Aufmerksamkeit", "brauchen Aufmerksamkeit")
      }`,
  },
  nobodyNeedsAttention: "Niemand ist jetzt in dieser Auswahl. Wer dazukommt, erscheint von selbst.",
  rosterCaption:
    "Teilnehmendenliste. Wer Aufmerksamkeit braucht, steht oben, und wer nicht beigetreten ist, steht am Ende.",
  columns: {
    learner: "Name",
    attention: "Aufmerk\u00ADsamkeit",
    state: "Status",
    identity: "Identität",
    assessment: "Prüfung",
    course: "Kurs",
    incidents: "Vorkommnisse",
  },
  need: {
    lateEntry: "Späterer Einlass",
    identity: "Identität prüfen",
    disconnected: "Getrennt",
    authorisation: "Freischalten",
    message: "Ungelesene Nachricht",
    hand: "Gehobene Hand",
    break: "Über Erholungspause entscheiden",
    overrun: "Nicht aus Erholungspause zurück",
  },
  participantState: {
    awaitingApproval: "Wartet auf Einlass",
    denied: "Abgelehnt",
    waiting: "Im Warteraum",
    inSession: "In der Sitzung",
    paused: "Pausiert",
    onBreak: "In einer Erholungspause",
    completed: "Abgeschlossen",
    removed: "Entfernt",
    noShow: "Nicht erschienen",
    left: "Gegangen, keine Prüfung begonnen",
    cancelled: "Abgesagt",
    notJoined: "Noch nicht da",
  },
  connected: "Verbunden",
  disconnected: "Getrennt",
  identityState: {
    undecided: "Nicht entschieden",
    notRequested: "Nicht verlangt",
    photosMissing: "Fotos fehlen",
    newPhotosRequested: "Neue Fotos angefordert",
    verified: "Bestätigt",
    rejected: "Abgelehnt",
    waiting: "Wartet auf Entscheidung",
  },
  progress: {
    notStarted: "Nicht begonnen",
    notAuthorised: "Nicht freigeschaltet",
    canStart: "Kann beginnen",
    saved: (answered: number, count: number) => `${answered} von ${counted(count, "Antwort", "Antworten")} gespeichert`,
    beingSubmitted: (saved: string) => `${saved}, wird abgegeben`,
    submitted: "Abgegeben",
    submittedResultToCome: "Abgegeben, Ergebnis folgt",
    released: "Ergebnis freigegeben",
  },
  authorise: "Freischalten",
  assessmentFor: (title: string, name: string) => `„${title}“ für ${name}`,

  // Pauses and extra time.
  learnerReadsReason: "Der Grund wird der Person angezeigt.",
  learnersReadReason: "Der Grund wird allen Teilnehmenden angezeigt.",
  pause: "Pausieren…",
  pauseForm: (name: string) => `${name} pausieren`,
  pauseReason: "Warum Sie pausieren",
  pauseConsequence: "Die Zeit der Person steht still, und die Fragen sind ausgeblendet, bis Sie die Pause beenden.",
  pauseConfirm: "Jetzt pausieren",
  pauseCancel: "Nicht pausieren",
  pausedBecause: (reason: string) => `Pausiert: ${reason}`,
  resume: "Pause beenden",
  pauseAll: "Alle pausieren…",
  pauseAllForm: "Alle pausieren",
  pauseAllConsequence:
    "Die Zeit aller Teilnehmenden steht still, und die Fragen sind ausgeblendet, bis Sie die Pause beenden. Wer später beitritt, ist auch pausiert.",
  pauseAllConfirm: "Jetzt alle pausieren",
  allPausedBecause: (reason: string) => `Alle sind pausiert: ${reason}`,
  resumeAll: "Pause für alle beenden",
  extraTime: "Zusätzliche Zeit…",
  extraTimeForAll: "Zusätzliche Zeit für alle…",
  extraTimeForm: (name: string | undefined) => `Zusätzliche Zeit für ${name ?? "alle"}`,
  extraTimeMinutes: "Minuten",
  extraTimeMinutesHint: "Eine Zahl unter null nimmt zusätzliche Zeit zurück, die noch nicht verbraucht ist.",
  extraTimeReason: "Warum sich die Zeit ändert",
  extraTimeConsequence: "Die Person sieht die neue Zeit und den Grund sofort.",
  extraTimeConsequenceForAll: "Alle Teilnehmenden sehen die neue Zeit und den Grund sofort.",
  extraTimeConfirm: "Zeit jetzt ändern",
  extraTimeCancel: "Nicht ändern",
  extraTimeGranted: (seconds: number, reason: string) => `${duration(seconds)} zusätzlich: ${reason}`,
  extraTimeRefused: (count: number) =>
    `Die Zeit von ${countedPeople(count)} hat sich nicht geändert, weil der Wert dort nicht möglich ist. Die Zeit der anderen hat sich geändert.`,

  // A held result.
  resultHeld: "Abgegeben, Ergebnis zurückgehalten",
  release: "Ergebnis freigeben…",
  assessmentOf: (title: string, name: string) => `„${title}“ von ${name}`,
  releaseForm: (of: string) => `Ergebnis freigeben: ${of}`,
  releaseReason: "Warum das Ergebnis freigegeben wird",
  releaseReasonHint: "Wird dauerhaft mit der Entscheidung gespeichert.",
  releaseConsequence:
    "Die Person sieht das Ergebnis und erhält eine E-Mail, und eine bestandene Prüfung zählt für den Kurs. Das lässt sich nicht rückgängig machen.",
  releaseConfirm: "Jetzt freigeben",
  releaseCancel: "Weiter zurückhalten",
  released: "Das Ergebnis ist freigegeben.",
};

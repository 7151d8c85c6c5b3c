import type { ComponentChild } from "preact";
import type { Messages } from "../catalogue";
import { duration } from "../format";

export const order: Messages["order"] = {
  // The withdrawal of an authorisation.
  withdraw: "Zurücknehmen",
  withdrawing: "Rücknahme unterwegs",
  alreadyStarted: "Bereits begonnen, die Freischaltung bleibt",

  // Late entry with approval: the proctors.
  lateEntries: (count: number) => (count ? `Späterer Einlass (${count})` : "Späterer Einlass"),
  noLateEntry: "Niemand wartet auf Einlass.",
  waiting: (seconds: number) =>
    seconds < 60 ? "wartet seit weniger als einer Minute" : `wartet seit ${duration(Math.floor(seconds / 60) * 60)}`,
  admit: "Einlassen",
  admitAll: "Alle einlassen",
  deny: "Ablehnen…",
  denyForm: (name: string) => `Einlass ablehnen: ${name}`,
  denialReason: "Warum Sie den Einlass ablehnen",
  denialReasonHint: "Der Grund wird der Person angezeigt.",
  denialConsequence: "Die Person bleibt draußen. Sie können sie später noch einlassen.",
  denyConfirm: "Jetzt ablehnen",
  denyCancel: "Nicht ablehnen",
  denied: (reason: string) => `Grund: ${reason}`,

  // Late entry with approval: the learner.
  awaitingTitle: "Bitte warten Sie auf den Einlass",
  awaiting:
    "Die Sitzung hat begonnen. Die Aufsicht entscheidet, ob Sie noch teilnehmen können. Lassen Sie diese Seite offen: Sie ändert sich von selbst.",
  awaitingSince: (time: ComponentChild) => ["Sie warten seit ", time, "."],
  deniedTitle: "Ihr Einlass wurde abgelehnt",
  deniedReason: (reason: string) => `Die Aufsicht hat Ihren späteren Einlass abgelehnt. Der Grund: ${reason}`,
  deniedHint: "Wenn die Aufsicht Sie doch noch einlässt, ändert sich diese Seite von selbst.",

  // Late entry in the plan of a session.
  lateEntryRule: "Beitritt nach Beginn",
  lateEntryUntil: "Einige Minuten nach Beginn",
  lateEntryApproval: "Die Aufsicht entscheidet für jede Person",
  lateEntryDoubt: "Wer nach Beginn beitritt, wartet, bis die Aufsicht den Einlass gewährt.",

  // Another identity check.
  checkAgain: "Erneut prüfen…",
  checkAgainForm: (name: string) => `Identität erneut prüfen: ${name}`,
  checkAgainReason: "Warum Sie erneut prüfen",
  checkAgainReasonHint: "Der Grund wird der Person angezeigt.",
  checkAgainConsequence:
    "Die Person sendet neue Fotos, oder Sie prüfen ohne Fotos, wenn diese Person keine sendet. Eine begonnene Prüfung läuft weiter; andere können erst nach Ihrer Entscheidung freigeschaltet werden.",
  checkAgainConfirm: "Jetzt erneut prüfen",
  checkAgainCancel: "Nicht erneut prüfen",
  requestCheck: "Identitätsprüfung anfordern…",
  requestCheckForm: (subject: string) => `Identitätsprüfung anfordern: ${subject}`,
  requestCheckReason: "Warum Sie eine Identitätsprüfung anfordern",
  requestCheckReasonHint: (count: number) =>
    count === 1 ? "Der Grund wird der Person angezeigt." : "Der Grund wird den Personen angezeigt.",
  requestCheckConsequence:
    "Jede Person sendet Fotos, oder Sie prüfen ohne Fotos, wenn die Person keine sendet. Inzwischen wird nichts gesperrt: Die Uhr läuft weiter, und Antworten werden gespeichert.",
  requestCheckConfirm: "Jetzt anfordern",
  requestCheckCancel: "Nicht anfordern",
  identityRequested:
    "Die Aufsicht bittet Sie um eine Identitätsprüfung. Ihre Antworten sind gespeichert, und Ihre Zeit läuft weiter.",
  identityReason: (reason: string) => `Der Grund: ${reason}`,
  identityRequestedLink: "Fotos senden",
  identityNeeded:
    "Ihre Identität muss erneut geprüft werden. Ihre Antworten sind gespeichert, und Ihre Zeit läuft weiter.",
  identityLink: "Neue Fotos senden",
};

import type { Messages } from "../catalogue";
import { duration } from "../format";

export const disconnects: Messages["disconnects"] = {
  // The form that schedules a session.
  returnedLimit: "Zeitgutschrift nach Verbindungsabbrüchen in Minuten",
  returnedLimitHint:
    "So viel Zeit kann eine Person je Prüfung höchstens zurückbekommen. Bei 0 läuft die Zeit ohne Verbindung weiter.",
  approval: "Rückkehr nach einem Verbindungsabbruch",
  requiresApproval: "Die Aufsicht muss die Person wieder einlassen",
  approvalGrace: "Längster Verbindungsabbruch ohne diesen Einlass, in Sekunden",
  approvalGraceHint: "Wer rechtzeitig zurück ist, kann ohne Einlass weitermachen.",

  // The learner's note.
  returnTitle: "Warten Sie, bis die Aufsicht Sie wieder einlässt",
  returnWaits:
    "Ihre Verbindung war eine Weile unterbrochen. Ihre bisherigen Antworten sind gespeichert. Lassen Sie diese Seite offen: Sie ändert sich von selbst.",
  returnDenied: (reason: string) => `Die Aufsicht hat Sie nicht wieder eingelassen. Der Grund: ${reason}`,
  givenBack: (lost: number, returned: number) =>
    lost === returned
      ? `Ihre Verbindung war unterbrochen (Dauer: ${duration(lost)}). Diese Zeit wurde Ihnen gutgeschrieben.`
      : `Ihre Verbindung war unterbrochen (Dauer: ${duration(lost)}). Insgesamt gutgeschrieben: ${duration(returned)}.`,

  // The proctor's panel.
  outageSince: (time: string) => `Offline seit ${time}`,
  latestOutage: (seconds: number) => `Zuletzt offline: ${duration(seconds)}`,
  givenBackOf: (seconds: number, left: number) =>
    left > 0
      ? `Nach Verbindungsabbrüchen gutgeschrieben: ${duration(seconds)}, noch möglich: ${duration(left)}`
      : `Nach Verbindungsabbrüchen gutgeschrieben: ${duration(seconds)}, mehr ist nicht möglich`,

  // The queue of late entries.
  returns: "nach Verbindungsabbruch zurück",

  // The older page of a learner.
  olderTitle: "Sie haben auf einem anderen Gerät weitergemacht",
  older:
    "Diese Seite nimmt keine Antworten mehr an. Was Sie hier geantwortet haben, ist gespeichert und wird gesendet, ersetzt aber keine Antworten von Ihrer neueren Seite.",
  takeOver: "Hier weitermachen",
};

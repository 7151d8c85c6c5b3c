import type { Messages } from "../catalogue";
import { duration } from "../format";

export const removal: Messages["removal"] = {
  // For proctors.
  remove: "Entfernen…",
  removeForm: (name: string) => `${name} aus der Sitzung entfernen`,
  removalReason: (name: string) => `Warum ${name} entfernt wird`,
  reasonHint: "Der Grund wird der Person angezeigt.",
  removalConsequence:
    "Die Zeit der Person steht still, und die Fragen sind verborgen, bis Sie sie wieder zulassen. Tun Sie das nicht, werden ihre Prüfungen am Ende der Sitzung abgegeben und die Ergebnisse zurückgehalten, bis die Administration sie freigibt.",
  removeConfirm: "Jetzt entfernen",
  removeCancel: "Nicht entfernen",
  removedBecause: (reason: string) => `Entfernt: ${reason}`,
  readmit: "Wieder zulassen",
  end: "Für diese Person beenden…",
  endForm: (name: string) => `Die Sitzung für ${name} beenden`,
  endReason: (name: string) => `Warum die Sitzung für ${name} endet`,
  endConsequence:
    "Alles, was die Person gespeichert hat, wird abgegeben, und sie kann nicht weiterarbeiten. Für die anderen geht die Sitzung weiter.",
  undoHint: (seconds: number) => `Sie können das ${duration(seconds)} lang rückgängig machen.`,
  noUndo: "Das kann nur die Administration rückgängig machen, und nur bis zum Ende der Sitzung.",
  endConfirm: "Jetzt beenden",
  endCancel: "Nicht beenden",
  undo: "Person weiterarbeiten lassen",
  undoUntil: (time: string) => `Die Aufsicht kann das bis ${time} rückgängig machen.`,
  endedBecause: (reason: string) => `Für diese Person beendet: ${reason}`,

  // For learners.
  removedTitle: "Sie wurden aus dieser Sitzung entfernt",
  reason: (reason: string) => `Der Grund: ${reason}`,
  removedHint:
    "Ihre Antworten sind sicher, und Ihre Zeit steht still. Bleiben Sie hier: Diese Seite ändert sich, sobald die Aufsicht Sie wieder zulässt.",
  removedFinally:
    "Die bis dahin gespeicherten Antworten wurden abgegeben. Die Administration entscheidet, ob das Ergebnis freigegeben wird.",
  endedTitle: "Die Sitzung wurde für Sie beendet",
  endedForYou: (reason: string) => `Die Aufsicht hat die Sitzung für Sie beendet. Der Grund: ${reason}`,
};

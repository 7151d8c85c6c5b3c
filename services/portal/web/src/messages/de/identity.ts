import type { Messages } from "../catalogue";

const formats = "Wählen Sie ein Foto im Format JPEG, PNG oder WebP.";

export const identity: Messages["identity"] = {
  // The learner's side.
  theCheck: "die Identitätsprüfung",
  verified: "Identität bestätigt",
  rejected: (reason: string) => `Ihre Identität konnte anhand der Fotos nicht bestätigt werden. Der Grund: ${reason}`,
  rejectedWithoutPhotos: (reason: string) => `Ihre Identität konnte nicht bestätigt werden. Der Grund: ${reason}`,
  rejectedNextTitle: "Was Sie jetzt tun können:",
  rejectedNext: [
    "Bleiben Sie in der Sitzung, wenn Sie möchten: Solange sie läuft, steht Ihnen der Kursinhalt offen, die Prüfung jedoch nicht.",
    "Schreiben Sie Ihrer Administration und nennen Sie diesen Grund. Sie kann eine weitere Sitzung für Sie planen, in der Ihre Identität erneut geprüft wird.",
  ],
  rejectedNextPhotos:
    "Halten Sie dann einen gültigen Ausweis mit dem Namen bereit, unter dem Sie geführt werden, und fotografieren Sie bei gutem Licht.",
  rejectedMeaning:
    "Das sagt nichts über Ihre Antworten oder Ergebnisse aus, und entschieden hat ein Mensch, keine Maschine.",
  expired: "Die Sitzung endete, bevor Ihre Identität geprüft wurde.",
  sentWaiting: "Gesendet: Ihre Fotos warten auf die Prüfung",
  withoutPhotos: "Ihre Identität wird ohne Fotos geprüft",
  withoutPhotosHint:
    "Sie brauchen nichts zu senden. Die Aufsicht dieser Sitzung prüft Ihre Identität auf andere Weise und schreibt Ihnen im Chat, wenn etwas gebraucht wird.",
  checkRequested: (reason: string) => `Die Aufsicht bittet Sie um eine Identitätsprüfung: ${reason}`,
  checkedAgain: (reason: string) => `Ihre Identität wird erneut geprüft: ${reason}`,
  newPhotosNeeded: (reason: string) => `Es werden neue Fotos gebraucht: ${reason}`,
  photoHint:
    "JPEG, PNG oder WebP; ein großes Foto wird vor dem Senden verkleinert. Nur die Aufsicht dieser Sitzung und die Administration können Ihre Fotos ansehen, und jeder Zugriff wird aufgezeichnet.",
  documentPhoto: "Foto Ihres Ausweises",
  selfiePhoto: "Aktuelles Foto von Ihnen",
  sent: "Gesendet",
  sending: "Ihr Foto wird gesendet…",
  tooSlow:
    "Das Foto konnte nicht innerhalb einer Minute gesendet werden. Senden Sie es noch einmal, wo die Verbindung besser ist, oder senden Sie ein kleineres, das mit niedrigerer Auflösung aufgenommen wurde.",
  emptyFile: `Diese Datei ist leer. ${formats}`,
  hugeFile: "Diese Datei ist größer als 100 MiB, und so groß ist kein Foto. Wählen Sie eine andere.",
  heic: "Dieses Foto hat das Format HEIC, das hier nicht gelesen werden kann. Wählen Sie auf einem iPhone oder iPad Einstellungen, Kamera, Formate, Maximale Kompatibilität und fotografieren Sie noch einmal; oder öffnen Sie das Foto am Computer und speichern Sie es als JPEG.",
  notAPhoto: `Diese Datei ist kein Foto, das hier gelesen werden kann. ${formats}`,
  tooLarge: "Dieses Foto ist größer als 8 MiB, und Ihr Browser kann es nicht verkleinern. Wählen Sie ein kleineres.",

  // The proctor's side.
  check: "Identität prüfen",
  checkOf: (name: string) => `von ${name}`,
  identityOf: (name: string) => `Identität von ${name}`,
  theCase: "die Identitätsprüfung",
  document: "Ausweis",
  selfie: "Selfie",
  registration: "Hinterlegte Daten",
  legalName: "Amtlicher Name",
  dateOfBirth: "Geburtsdatum",
  unknown: "Nicht bekannt",
  reason: "Grund (wird der geprüften Person angezeigt; zum Bestätigen nicht nötig)",
  noPhotos: "Prüfung ohne Fotos",
  noPhotosHint:
    "Diese Person sendet keine Fotos. Prüfen Sie die Identität auf andere Weise, zum Beispiel in einem Gespräch, und vergleichen Sie sie mit den hinterlegten Daten. Entscheiden Sie dann und schreiben Sie auf, wie Sie geprüft haben.",
  reasonWithoutPhotos: "Wie Sie geprüft haben und warum Sie so entscheiden (wird der geprüften Person angezeigt)",
  verify: "Bestätigen",
  requestNewPhotos: "Neue Fotos anfordern",
  reject: "Ablehnen…",
  rejectConsequence:
    "Die Prüfung bleibt für diese Person in dieser Sitzung geschlossen. Das lässt sich nicht rückgängig machen; neue Fotos können dagegen mehrmals angefordert werden.",
  rejectConsequenceWithoutPhotos:
    "Die Prüfung bleibt für diese Person in dieser Sitzung geschlossen. Das lässt sich nicht rückgängig machen.",
  rejectConfirm: "Jetzt ablehnen",
  rejectCancel: "Nicht ablehnen",
};

import type { Messages } from "../catalogue";

export const results: Messages["results"] = {
  title: "Ihre Ergebnisse",
  yourResults: "Ihre Ergebnisse",
  none: "Sie haben noch keine Ergebnisse.",
  courseHours: (title: string, hours: string) => `${title}, ${hours}`,
  passed: "Bestanden",
  notPassed: "Nicht bestanden",
  corrected: "Korrigiert",

  // One result.
  result: "Ergebnis",
  yourResult: "Ihr Ergebnis",
  tryAgain: "Noch einmal versuchen",
  notEnoughPoints: "Diesmal haben die Punkte nicht zum Bestehen gereicht.",
  permanent:
    "Ergebnisse sind endgültig. Wenn Sie Fragen zu Ihrem Ergebnis haben oder etwas für falsch halten, wenden Sie sich an Ihre Administration.",
  yourAnswer: (answer: string) => `Ihre Antwort: ${answer}`,
  correctAnswer: (answer: string) => `Richtige Antwort: ${answer}`,
  noAnswer: "Sie haben keine Antwort gegeben.",
  noChoice: "keine der Auswahlmöglichkeiten",
  true: "Richtig",
  false: "Falsch",

  // Certificates.
  certificateOf: (title: string) => `Zertifikat: ${title}`,
  issuedOn: (day: string) => `Ausgestellt am ${day}`,
  beingCreated: "Es wird gerade erstellt.",
  download: "Zertifikat herunterladen (PDF)",
  downloading: "Wird geladen…",
  verificationPage: "Öffentliche Prüfseite",
  of: (title: string) => `zu ${title}`,
  certificate: "Zertifikat",
  theCertificate: "das Zertifikat",
  notIssued:
    "Ein Zertifikat mit dieser Nummer wurde nicht ausgestellt. Vergleichen Sie die Nummer mit der auf dem Zertifikat.",
  valid: "Gültig",
  validHint: "Dieses Zertifikat wurde hier ausgestellt und ist gültig.",
  holder: "Ausgestellt für",
  for: "Kurs",
  issued: "Ausgestellt am",
  number: "Nummer",
};

import type { Messages } from "../catalogue";
import { counted } from "./plurals";

export const incidents: Messages["incidents"] = {
  // The list.
  title: (count: number | undefined) => (count ? `Vorkommnisse (${count})` : "Vorkommnisse"),
  theIncidents: "die Vorkommnisse",
  explanation:
    "Notizen der Aufsicht für die Zeit nach der Sitzung. Die Teilnehmenden können sie nicht lesen, und sie ändern nichts an der Sitzung.",
  shortcut:
    "Um ein Vorkommnis zu einer Person festzuhalten, gehen Sie in der Teilnehmendenliste zu ihrem Namen und drücken Sie I.",
  none: "Es wurde kein Vorkommnis festgehalten.",
  wholeSession: "Gesamte Sitzung",
  category: (group: string, title: string) => (group === title ? title : `${group}: ${title}`),
  severity: { note: "Hinweis", warning: "Warnung", serious: "Schwerwiegend" },
  occurred: (time: string) => `Geschehen: ${time}`,
  writtenBy: (name: string, time: string) => `Verfasst von ${name}, ${time}`,
  changedBy: (name: string, time: string) => `Geändert von ${name}, ${time}`,
  administrator: (name: string) => `${name} (Administration)`,
  anAdministrator: "einer Person der Administration",
  count: (count: number) => counted(count, "Vorkommnis", "Vorkommnisse"),
  showOf: "Vorkommnisse anzeigen zu",
  everybody: "Alle Teilnehmenden und gesamte Sitzung",
  showMore: (count: number) => `${count} weitere anzeigen`,

  // The history.
  changed: (times: number) => `${times}-mal geändert`,
  theHistory: "der Verlauf",
  earlier: "Frühere Fassungen, die neueste zuerst:",

  // The buttons that open the form.
  report: "Vorkommnis festhalten…",
  reportShort: "Festhalten…",
  aboutSession: "zur gesamten Sitzung",
  aboutLearner: (name: string) => `ein Vorkommnis zu ${name}`,
  continueDraft: "Entwurf fortsetzen…",
  change: "Ändern…",
  changeOf: (category: string, subject: string, time: string) => `${category}, ${subject}, ${time}`,

  // The form.
  reportAbout: (subject: string) => `Vorkommnis festhalten: ${subject}`,
  changeAbout: (subject: string) => `Vorkommnis ändern: ${subject}`,
  categoryLabel: "Kategorie",
  chooseCategory: "Kategorie wählen",
  severityLabel: "Schweregrad",
  severityChoice: {
    note: "Hinweis: Es muss nichts folgen",
    warning: "Warnung: Nach der Sitzung sollte jemand darauf sehen",
    serious: "Schwerwiegend: Ob das Ergebnis verwendet werden kann, ist womöglich betroffen",
  },
  note: "Was geschehen ist",
  charactersLeft: (count: number) => `Noch ${counted(count, "Zeichen", "Zeichen")}.`,
  time: "Wann es geschehen ist",
  save: "Vorkommnis speichern",
  close: "Schließen",
  discard: "Entwurf verwerfen…",
  discardConsequence: "Was Sie eingegeben haben, wird gelöscht.",
  discardConfirm: "Jetzt verwerfen",
  discardCancel: "Behalten",
  saved: "Das Vorkommnis ist gespeichert.",
  draftKept:
    "Das Vorkommnis ist noch nicht gespeichert. Ihr Entwurf bleibt erhalten, solange diese Seite geöffnet ist.",
  draftDiscarded: "Der Entwurf ist verworfen.",

  // Another person changed the incident in the meantime.
  changedMeanwhile: (name: string, time: string) =>
    `Während Sie geschrieben haben, hat ${name} dieses Vorkommnis geändert (${time}), deshalb ist Ihre Fassung noch nicht gespeichert. Das Vorkommnis lautet jetzt:`,
  changedMeanwhileNext:
    "Das Formular unten enthält die von Ihnen eingegebenen Werte und in allen anderen Feldern die der anderen Person. Speichern Sie es, um deren Fassung zu ersetzen.",
};

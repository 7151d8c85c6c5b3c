import type { Messages } from "../catalogue";
import { duration, timeLeft } from "../format";
import { counted, countedPeople } from "./plurals";

export const console: Messages["console"] = {
  // The session bar.
  bar: "Sitzung",
  started: (time: string) => `Begonnen ${time}`,
  starts: (time: string) => `Beginnt ${time}`,
  ended: (time: string) => `Beendet ${time}`,
  left: (seconds: number) => `noch ${timeLeft(seconds)}`,
  minutesLeft: (seconds: number) => (seconds < 60 ? "weniger als eine Minute übrig" : `noch ${timeLeft(seconds)}`),
  overdue: (seconds: number) => `${duration(seconds)} überzogen`,
  options: "Optionen",
  sound: "Ton bei Dringendem",
  titleBadge: "Zahl im Seitentitel",
  shortcuts: "Tastenkürzel",

  // The queues, the search and the selection.
  queues: {
    label: "In der Liste zeigen",
    all: "Alle",
    attention: "Aufmerksamkeit",
    hand: "Hände",
    overrun: "Verspätet aus Erholungspause",
    break: "Erholungspausen",
    lateEntry: "Späterer Einlass",
    disconnected: "Offline",
    message: "Ungelesen",
    identity: "Identität",
    authorisation: "Freischaltung",
  },
  search: "Nach Namen suchen",
  nobodyFound: "Niemand hat diesen Namen. Ändern Sie die Suche, oder zeigen Sie alle.",
  bulk: {
    label: "Ausgewählte Teilnehmende",
    selected: (count: number) => `${countedPeople(count)} ausgewählt`,
    clear: "Auswahl aufheben",
    absent: (count: number) =>
      `${counted(count, "ausgewählte Person ist", "ausgewählte Personen sind")} noch nicht da: Für sie gilt keine Aktion.`,
    undo: "Rückgängig",
    theSelected: "die Ausgewählten",
    forTheSelected: (title: string) => `„${title}“ für die Ausgewählten`,
    reasonHint: "Die Ausgewählten lesen ihn.",
    pauseForm: (count: number) => `${countedPeople(count)} pausieren`,
    pauseConsequence: "Ihre Zeit steht still, und die Fragen sind ausgeblendet, bis Sie die Pause beenden.",
    extraTimeForm: (count: number) => `Zusätzliche Zeit für ${countedPeople(count)}`,
    removeForm: (count: number) => `${countedPeople(count)} aus der Sitzung entfernen`,
    removalReason: "Warum die Teilnehmenden entfernt werden",
    removalConsequence:
      "Ihre Zeit steht still, und die Fragen sind verborgen, bis Sie sie wieder zulassen. Tun Sie das nicht, werden ihre Prüfungen am Ende der Sitzung abgegeben und die Ergebnisse zurückgehalten, bis die Administration sie freigibt.",
    changed: (changed: number, of: number) => `Erledigt für ${changed} von ${countedPeople(of)}.`,
  },

  // The panel of a learner.
  panel: {
    close: "Zurück zur Sitzung",
    tabs: (name: string) => `Über ${name}`,
    overview: "Übersicht",
    timeline: "Verlauf",
    absent: "Diese Person ist eingeladen und noch nicht beigetreten.",
    joined: "Beigetreten",
    incidents: (name: string) => `Vorkommnisse zu ${name}`,
  },

  // Keyboard shortcuts.
  shortcutsOn: "Tastenkürzel verwenden",
  shortcutsHint: "In einer Zeile der Liste gelten die Tastenkürzel immer.",
  keys: {
    help: "Diese Liste zeigen",
    search: "Person suchen",
    rows: "Nächste oder vorige Person",
    open: "Person öffnen",
    select: "Person auswählen",
    incident: "Vorkommnis zur Person melden",
    chat: "Chat mit der Person",
    close: "Zurück zur Liste",
  },
};

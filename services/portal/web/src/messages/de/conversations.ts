import type { Messages } from "../catalogue";
import { counted } from "./plurals";

export const conversations: Messages["conversations"] = {
  // The conversation of a learner and the proctors.
  title: "Chat mit der Aufsicht",
  titleOf: (name: string) => `Chat mit ${name}`,
  theMessages: "die Nachrichten",
  open: "Chat",
  openWith: (name: string) => `mit ${name}`,
  unread: (count: number) => `${count} ungelesen`,
  close: "Schließen",
  none: "Noch keine Nachrichten.",
  showEarlier: "Frühere Nachrichten anzeigen",
  you: "Sie",
  proctor: "Aufsicht",
  administrator: "Administration",
  toProctors: "Nachricht an die Aufsicht",
  toLearner: (name: string) => `Nachricht an ${name}`,
  send: "Senden",
  closed: "Nachrichten können jetzt nur noch gelesen werden.",
  onlyProctors: "Nur die Aufsicht dieser Sitzung und die Administration können Ihre Nachrichten lesen.",

  // Announcements.
  announcements: (count: number) => (count ? `Ansagen (${count})` : "Ansagen"),
  announcement: "Ansage",
  markRead: "Gelesen",
  announceLabel: "Ansage an alle Teilnehmenden",
  announce: "An alle senden",
  announced: "Die Ansage ist gesendet.",
  noAnnouncement: "Es wurde keine Ansage gesendet.",
  readBy: (read: number, of: number) => `Gelesen von ${read} von ${counted(of, "Person", "Personen")}`,
  allAnnouncements: (count: number) => `${counted(count, "Ansage", "Ansagen")} der Aufsicht`,
};

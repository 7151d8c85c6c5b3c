import type { Messages } from "../catalogue";

export const notifications: Messages["notifications"] = {
  title: "Nachrichten",
  yourMessages: "Ihre Nachrichten",
  none: "Sie haben noch keine Nachrichten.",
  markAllRead: "Alle als gelesen markieren",
  new: "Neu",
  showOlder: "Ältere Nachrichten anzeigen",
  toResults: "Zu Ihren Ergebnissen",
  toSession: "Zur Sitzung",
  enterCode: "Zugangscode eingeben",
};

import type { Messages } from "../catalogue";

export const order: Messages["order"] = {
  // The withdrawal of an authorisation.
  withdraw: "Zurücknehmen",
  withdrawing: "Rücknahme unterwegs",
  alreadyStarted: "Bereits begonnen, die Freischaltung bleibt",
};

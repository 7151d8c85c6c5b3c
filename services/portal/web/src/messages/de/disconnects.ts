import type { Messages } from "../catalogue";
import { duration } from "../format";

export const disconnects: Messages["disconnects"] = {
  // The form that schedules a session.
  returnedLimit: "Zeitgutschrift nach Verbindungsabbrüchen in Minuten",
  returnedLimitHint: "Höchstens so viel je Person und Prüfung. Bei 0 läuft die Zeit ohne Verbindung weiter.",

  // The learner's note.
  givenBack: (lost: number, returned: number) =>
    lost === returned
      ? `Ihre Verbindung war unterbrochen, Dauer: ${duration(lost)}. Diese Zeit wurde Ihnen gutgeschrieben.`
      : `Ihre Verbindung war unterbrochen, Dauer: ${duration(lost)}. Insgesamt gutgeschrieben: ${duration(returned)}.`,

  // The proctor's panel.
  outageSince: (time: string) => `Offline seit ${time}`,
  latestOutage: (seconds: number) => `Zuletzt offline: ${duration(seconds)}`,
  givenBackOf: (seconds: number, left: number) =>
    left > 0
      ? `Nach Verbindungsabbrüchen gutgeschrieben: ${duration(seconds)}, verbleibend: ${duration(left)}`
      : `Nach Verbindungsabbrüchen gutgeschrieben: ${duration(seconds)}, nichts verbleibend`,
};

import { duration } from "../format";
import { counted } from "./plurals";

export const closing = {
  // The countdown.
  closing: "Die Sitzung endet in",
  timeToEnd: "Zeit bis zum Ende der Sitzung",
  learnerHint:
    "Arbeiten Sie bis dahin weiter. Alles, was gespeichert ist, zählt und wird am Ende der Sitzung abgegeben. Prüfungen, die Sie noch nicht begonnen haben, können nicht mehr begonnen werden.",
  proctorHint: "Dann werden offene Prüfungsversuche abgegeben. Bis dahin können Sie das Ende abbrechen.",
  automaticHint:
    "Das geplante Ende ist vorbei, deshalb endet die Sitzung automatisch. Bis dahin können Sie das Ende abbrechen.",

  // The planned end.
  plannedEnd: (time: string) => `Geplantes Ende: ${time}`,
  expectedEnd: (time: string, planned: string) => `Voraussichtliches Ende: ${time} (geplant: ${planned})`,
  endsSoon: (seconds: number) => `Bis zum geplanten Ende der Sitzung bleiben weniger als ${duration(seconds)}.`,
  plannedEndReached: "Das geplante Ende der Sitzung ist erreicht.",
  plannedEndPassed: (seconds: number) => `Das geplante Ende der Sitzung ist seit mehr als ${duration(seconds)} vorbei.`,
  overdue:
    "Die Sitzung kann nicht automatisch enden, weil die Prüfung einer Person pausiert ist. Setzen Sie die Prüfung fort, oder beenden Sie die Sitzung.",

  // Ending the session.
  end: "Sitzung beenden…",
  endConsequence:
    "Alle verlassen die Sitzung, und offene Prüfungsversuche werden mit allen gespeicherten Antworten abgegeben.",
  endConfirm: "Sitzung jetzt beenden",
  endAfter: (seconds: number) => `Sitzung in ${duration(seconds)} beenden`,
  endCancel: "Nicht beenden",
  stillWorking: (count: number) => `${counted(count, "Prüfungsversuch ist", "Prüfungsversuche sind")} offen:`,
  left: (time: string) => `noch ${time}`,
  leftWhilePaused: (time: string) => `noch ${time}, pausiert`,
  noTimeLimit: "ohne Zeitbegrenzung",
  countdownHint: (seconds: number) =>
    `Alle sehen einen Countdown von ${duration(seconds)}. Bis dahin können Sie das Ende abbrechen.`,
  endNow: "Ohne Warten beenden…",
  cancelClosing: "Ende der Sitzung abbrechen",
  reopenHint: (seconds: number) => `Sie können die Sitzung nach ihrem Ende ${duration(seconds)} lang wieder öffnen.`,

  // Reopening a session.
  reopen: "Sitzung wieder öffnen…",
  reopenUntil: (time: string) =>
    `Die Aufsicht kann die Sitzung bis ${time} wieder öffnen. Danach werden Ergebnisse freigegeben.`,
  reopenWhileHeld:
    "Als Administration können Sie die Sitzung wieder öffnen, weil noch keines ihrer Ergebnisse freigegeben ist.",
  reopenConsequence:
    "Alle, die bis zum Ende in der Sitzung waren, sind wieder in der Sitzung, und ihre offenen Prüfungsversuche gehen weiter. Ihre Uhren stehen seit dem Ende still. Die Teilnehmenden werden benachrichtigt. Was jemand selbst abgegeben hat, bleibt abgegeben.",
  reopenConfirm: "Sitzung jetzt wieder öffnen",
  reopenCancel: "Beendet lassen",

  // Scheduling a session.
  countdown: "Countdown vor dem Ende, in Sekunden",
  countdownFieldHint: "Beendet die Aufsicht die Sitzung, sehen alle diesen Countdown. Bei 0 endet die Sitzung sofort.",
  autoClose: "Automatisches Ende, in Minuten nach dem geplanten Ende",
  autoCloseHint:
    "Die Sitzung endet dann von selbst, aber nicht, solange ein Prüfungsversuch noch Zeit hat. Leer gilt die Voreinstellung.",
  reopenWindow: "Zeit zum Wiederöffnen, in Minuten",
  reopenWindowHint:
    "So lange kann die Aufsicht die Sitzung nach dem Ende wieder öffnen. Ergebnisse werden erst danach freigegeben. Bei 0 kann sie die Sitzung nicht wieder öffnen.",
};

import type { Messages } from "../catalogue";
import { duration } from "../format";
import { counted, countedPeople } from "./plurals";

export const people: Messages["people"] = {
  title: "Personen",
  thePeople: "die Personen",
  find: "Nach Name oder E-Mail-Adresse suchen",
  nobodyFound:
    "Niemand hat diesen Namen oder diese E-Mail-Adresse. Ändern Sie die Suche, oder fügen Sie die Person hinzu.",
  count: countedPeople,
  unknownPerson: "Unbekannte Person",
  disabled: "Gesperrt",
  change: "Ändern",
  notCertified: "Nicht zertifiziert",
  certifiedUntil: (day: string) => `Zertifiziert bis ${day}`,
  certificationEnded: (day: string) => `Zertifizierung abgelaufen am ${day}`,

  // Roles and certification.
  grantRole: "Weitere Rolle",
  grant: "Diese Rolle vergeben",
  grantAsk: "Diese Rolle vergeben…",
  administratorConsequence:
    "Die Administration sieht alle Personen, plant Sitzungen, sagt sie ab und vergibt Rollen an andere.",
  administratorConfirm: "In die Administration aufnehmen",
  administratorCancel: "Nicht vergeben",
  certify: "Als Aufsicht zertifiziert bis",
  certifySubmit: "Zertifizieren",
  revokeForm: (name: string) => `${name} eine Rolle entziehen`,
  revokeRole: "Zu entziehende Rolle",
  revokeReason: "Warum die Rolle entzogen wird",
  revoke: "Diese Rolle entziehen…",
  revokeConsequence: {
    learner:
      "Die Person verlässt laufende Sitzungen innerhalb von Sekunden. In einer laufenden Prüfung gespeicherte Antworten werden mit Ablauf der Zeit abgegeben; Ergebnisse und Zertifikate bleiben bestehen.",
    proctor:
      "Die Zertifizierung endet, und die Person verliert innerhalb von Sekunden den Zugriff auf laufende Sitzungen. Die Sitzungen gehen wie geplant weiter, geleitet von den übrigen Aufsichtspersonen und der Administration.",
    administrator: "Die Person kann innerhalb von Sekunden keine Personen, Kurse und Sitzungen mehr verwalten.",
  },
  revokeConfirm: (role: string) => `„${role}“ entziehen`,
  revokeCancel: "Nicht entziehen",
  reasonHint: "Wird im Verlauf gespeichert, den nur die Administration lesen kann.",

  // The account.
  signOutEverywhere: "Überall abmelden…",
  signOutEverywhereConsequence:
    "Die Person wird innerhalb von Sekunden auf allen Geräten abgemeldet und kann sich sofort wieder anmelden.",
  signOutEverywhereConfirm: "Jetzt abmelden",
  signOutEverywhereCancel: "Nicht abmelden",
  signedOutEverywhere: (name: string) => `${name} ist überall abgemeldet.`,
  disableForm: (name: string) => `Konto von ${name} sperren`,
  disableReason: "Warum das Konto gesperrt wird",
  disable: "Konto sperren…",
  disableConsequence:
    "Die Person wird innerhalb von Sekunden überall abgemeldet, kann sich nicht mehr anmelden und erhält darüber eine E-Mail. Was sie gespeichert hat, bleibt erhalten: Antworten einer laufenden Prüfung werden mit Ablauf der Zeit abgegeben.",
  disableConfirm: "Konto jetzt sperren",
  disableCancel: "Nicht sperren",
  enable: "Konto entsperren…",
  enableConsequence:
    "Die Person kann sich sofort mit ihrem bisherigen Passwort wieder anmelden und erhält darüber eine E-Mail.",
  enableConfirm: "Konto jetzt entsperren",
  enableCancel: "Nicht entsperren",

  // A proctor's sessions.
  theirSessions: "die Sitzungen dieser Person",
  noSession: "Die Person ist in keiner laufenden oder geplanten Sitzung als Aufsicht eingetragen.",
  proctorOf:
    "Die Person ist in diesen Sitzungen als Aufsicht eingetragen. Ohne die Rolle oder das Konto können nur die übrigen sie leiten:",
  onlyAdministrators: "keine weitere Aufsicht, nur die Administration",
  otherProctors: "weitere Aufsicht ist eingeplant",

  // Accommodations.
  accommodations: {
    title: "Nachteilsausgleich",
    loading: "der Nachteilsausgleich",
    form: (name: string) => `Nachteilsausgleich von ${name}`,
    extraTime: "Zusätzliche Zeit in Prozent",
    extraTimeHint:
      "Von 0 bis 200. Mit 25 werden aus einer Bearbeitungszeit von 60 Minuten 75 Minuten. Mehr Zeit gilt sofort auch für laufende Prüfungen; weniger Zeit gilt für Prüfungen, die später begonnen werden.",
    extraBreak: "Zusätzliche Pausenzeit in Minuten",
    extraBreakHint:
      "Von 0 bis 120. Die Person kann diese Pausenzeit in jeder Sitzung zusätzlich zu den Erholungspausen der Sitzung nehmen. Die Aufsicht sieht, wie viel Pausenzeit die Person hat, aber nicht den Grund.",
    alternativeIdentityCheck: "Identität ohne Fotos prüfen",
    alternativeIdentityCheckHint:
      "Die Aufsicht prüft die Identität der Person auf andere Weise und entscheidet mit einer Begründung. Sie sieht, dass es keine Fotos gibt, aber nicht den Grund.",
    assistiveTechnology: "Hilfsmittel",
    assistiveTechnologyHint:
      "Was die Person benutzt und warum. Nur die Administration und die Person selbst können dies lesen.",
    proctorNote: "Hinweis für die Aufsicht",
    proctorNoteHint: "Die Aufsicht in den Sitzungen der Person liest dies. Schreiben Sie hier keine Diagnose.",
    save: "Nachteilsausgleich speichern",
    revisions: (count: number) => counted(count, "Fassung", "Fassungen"),
    revision: (time: string, percent: number, breakMinutes: number) =>
      `${time}: ${percent} % zusätzliche Zeit, ${duration(breakMinutes * 60)} zusätzliche Pausenzeit`,
    revisionAlternative: "Prüfung der Identität ohne Fotos",
    revisionTechnology: (technology: string) => `Hilfsmittel: ${technology}`,
    revisionNote: (note: string) => `Hinweis für die Aufsicht: ${note}`,
  },

  // The history of changes.
  history: "Verlauf",
  theHistory: "der Verlauf",
  noHistory: "An Rollen und Konto wurde nichts geändert.",
  historyEntry: (time: string, change: string, by: string) => `${time}: ${change}, durch ${by}`,
  historyReason: (reason: string) => ` – „${reason}“`,
  unknownName: "eine Person, deren Name nicht bekannt ist",
  commandLine: "die Kommandozeile",
  changeKind: {
    granted: (role: string) => `Rolle „${role}“ vergeben`,
    revoked: (role: string) => `Rolle „${role}“ entzogen`,
    certified: (day: string) => `zertifiziert bis ${day}`,
    disabled: "Konto gesperrt",
    enabled: "Konto entsperrt",
  },

  // A new person.
  add: "Person hinzufügen",
  legalName: "Amtlicher Name",
  legalNameHint: "Wie im Ausweis, mit dem er verglichen wird.",
  preferredName: "Rufname",
  preferredNameHint: "Wie die Person angesprochen wird, falls abweichend.",
  email: "E-Mail-Adresse",
  dateOfBirth: "Geburtsdatum",
  language: "Sprache",
  languageHint: "Die Sprache der Seiten und der E-Mails.",
  timeZone: "Zeitzone",
  timeZoneHint: "In ihr werden Zeiten in E-Mails angegeben.",
  firstPassword: "Erstes Passwort",
  firstPasswordHint: "Mindestens 12 Zeichen; ohne Passwort ist noch keine Anmeldung mit Passwort möglich.",
  roles: "Rollen",
  addSubmit: "Hinzufügen",
  addAsk: "Hinzufügen…",
  added: (name: string) => `${name} wurde hinzugefügt.`,
};

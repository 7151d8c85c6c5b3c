import type { ComponentChild } from "preact";
import type { Messages } from "../catalogue";
import { duration } from "../format";
import { counted } from "./plurals";

const answersStay =
  "Nicht gesendete Antworten bleiben auf dem Gerät, auf dem sie gegeben wurden, und die Zeit einer laufenden Prüfung läuft weiter.";

export const account: Messages["account"] = {
  // Signing in.
  signIn: "Anmelden",
  signingIn: "Anmeldung läuft…",
  email: "E-Mail-Adresse",
  password: "Passwort",
  staySignedIn: "Auf diesem Computer angemeldet bleiben",
  staySignedInHint:
    "Nur für einen Computer, den niemand außer Ihnen benutzt. Lassen Sie das Kästchen auf einem gemeinsam genutzten Computer leer: Dann werden Sie abgemeldet, sobald der Browser geschlossen wird.",
  globalSignOut: {
    "new password": "Ihr Passwort wurde geändert, und Sie sind überall abgemeldet. Melden Sie sich mit dem neuen an.",
    "perhaps new password":
      "Sie sind abgemeldet. Melden Sie sich mit dem neuen Passwort an oder, falls das abgelehnt wird, mit dem bisherigen.",
    "sign-out": "Sie sind überall abgemeldet.",
  },
  wasSignedOut: "Sie wurden abgemeldet. Melden Sie sich an, um fortzufahren.",
  wasSignedOutWithAnswers:
    "Sie wurden abgemeldet. Ihre Antworten sind auf diesem Gerät gespeichert; melden Sie sich an, um fortzufahren.",
  answersOfSomebody:
    "Auf diesem Gerät sind Antworten gespeichert, die noch nicht gesendet wurden. Sie werden gesendet, wenn sich die Person, die sie gegeben hat, hier wieder anmeldet.",

  // Signing out.
  whoIsSignedIn: "Angemeldete Person",
  signedInAs: (name: ComponentChild) => ["Angemeldet als ", name, ". Das sind nicht Sie?"],
  signOut: "Abmelden",
  signOutWithAnswers: "Mit nicht gesendeten Antworten abmelden",
  unsentAnswers: (count: number) =>
    count === 1
      ? "1 Antwort wurde noch nicht gesendet. Wenn Sie sich abmelden, bleibt sie auf diesem Gerät und wird gesendet, sobald Sie sich hier wieder anmelden; die Zeit einer laufenden Prüfung läuft weiter."
      : `${counted(count, "Antwort", "Antworten")} wurden noch nicht gesendet. Wenn Sie sich abmelden, bleiben sie auf diesem Gerät und werden gesendet, sobald Sie sich hier wieder anmelden; die Zeit einer laufenden Prüfung läuft weiter.`,
  signOutAnyway: "Trotzdem abmelden",
  staySignedInNow: "Angemeldet bleiben",
  answersStay,

  // The account page.
  title: "Ihr Konto",
  legalName: "Amtlicher Name",
  accommodations: {
    title: "Ihr Nachteilsausgleich",
    who: "Nur die Administration und Sie selbst können dies lesen. Die Aufsicht in Ihren Sitzungen kann den Hinweis für die Aufsicht lesen.",
    extraTime: "Zusätzliche Zeit",
    extraTimeValue: (percent: number) => `${percent} % mehr Zeit in jeder Prüfung mit begrenzter Zeit`,
    extraBreak: "Zusätzliche Pausenzeit",
    extraBreakValue: (minutes: number) => `${duration(minutes * 60)} mehr Pausenzeit in jeder Sitzung`,
    identityCheck: "Identitätsprüfung",
    identityCheckValue: "ohne Fotos; die Aufsicht prüft Ihre Identität auf andere Weise",
    assistiveTechnology: "Hilfsmittel",
    proctorNote: "Hinweis für die Aufsicht",
  },
  signOutEverywhere: "Überall abmelden",
  signOutEverywhereHint:
    "Nutzen Sie dies, wenn Sie vergessen haben, sich an einem anderen Computer abzumelden, oder wenn jemand anderes Ihr Konto benutzt haben könnte.",
  signOutEverywhereLabel: "Überall abmelden…",
  signOutEverywhereConsequence: (isLearner: boolean) =>
    `Sie werden innerhalb von Sekunden auf allen Geräten abgemeldet, auch auf diesem.${isLearner ? ` ${answersStay}` : ""}`,
  signOutEverywhereConfirm: "Jetzt überall abmelden",
  changePassword: "Passwort ändern",
  currentPassword: "Aktuelles Passwort",
  newPassword: "Neues Passwort",
  newPasswordHint: "Mindestens 12 Zeichen.",
  changePasswordConsequence: (isLearner: boolean) =>
    `Mit der Änderung werden Sie überall abgemeldet, auch hier, und melden sich mit dem neuen Passwort wieder an.${
      isLearner ? " Noch nicht gesendete Antworten bleiben auf ihrem Gerät." : ""
    }`,
};

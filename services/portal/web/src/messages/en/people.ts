import { duration } from "../format";
import { counted } from "./plurals";

export const people = {
  title: "People",
  thePeople: "the people",
  find: "Find by name or e-mail address",
  nobodyFound: "Nobody has this name or e-mail address. Change the search, or add the person.",
  count: (count: number) => counted(count, "person", "people"),
  unknownPerson: "Unknown person",
  disabled: "Disabled",
  change: "Change",
  notCertified: "Not certified",
  certifiedUntil: (day: string) => `Certified until ${day}`,
  certificationEnded: (day: string) => `Certification ended ${day}`,

  // Roles and certification.
  grantRole: "Additional role",
  grant: "Grant this role",
  grantAsk: "Grant this role…",
  administratorConsequence: "An administrator sees everybody, plans and cancels sessions, and grants roles to others.",
  administratorConfirm: "Make an administrator",
  administratorCancel: "Do not grant it",
  certify: "Certified as a proctor until",
  certifySubmit: "Certify",
  revokeForm: (name: string) => `Revoke a role of ${name}`,
  revokeRole: "Role to revoke",
  revokeReason: "Why the role is revoked",
  revoke: "Revoke this role…",
  revokeConsequence: {
    learner:
      "They leave running sessions within seconds. Answers that they saved in a running assessment are submitted when its time is over; results and certificates stay.",
    proctor:
      "Their certification ends, and they lose access to running sessions within seconds. The sessions continue as planned, run by their other proctors and by administrators.",
    administrator: "Within seconds, they can no longer manage people, courses and sessions.",
  },
  revokeConfirm: (role: string) => `Revoke “${role}”`,
  revokeCancel: "Do not revoke it",
  reasonHint: "Stored in the history, which only administrators read.",

  // The account.
  signOutEverywhere: "Sign them out everywhere…",
  signOutEverywhereConsequence: "They are signed out on every device within seconds and can sign in again at once.",
  signOutEverywhereConfirm: "Sign them out now",
  signOutEverywhereCancel: "Do not sign them out",
  signedOutEverywhere: (name: string) => `${name} is signed out everywhere.`,
  disableForm: (name: string) => `Disable the account of ${name}`,
  disableReason: "Why the account is disabled",
  disable: "Disable the account…",
  disableConsequence:
    "They are signed out everywhere within seconds, cannot sign in, and receive an e-mail about it. What they saved stays: answers of a running assessment are submitted when its time is over.",
  disableConfirm: "Disable the account",
  disableCancel: "Do not disable it",
  enable: "Enable the account…",
  enableConsequence: "They can sign in again at once, with the password they had, and receive an e-mail about it.",
  enableConfirm: "Enable the account",
  enableCancel: "Do not enable it",

  // A proctor's sessions.
  theirSessions: "their sessions",
  noSession: "They are not a proctor of any running or planned session.",
  proctorOf: "They are a proctor of these sessions. Without the role or the account, only the others can run them:",
  onlyAdministrators: "no other proctor: only administrators",
  otherProctors: "other proctors are planned",

  // Accommodations.
  accommodations: {
    title: "Accommodations",
    loading: "the accommodations",
    form: (name: string) => `Accommodations of ${name}`,
    extraTime: "Extra time in per cent",
    extraTimeHint:
      "From 0 to 200. With 25, a time limit of 60 minutes becomes 75 minutes. More time applies at once to assessments in progress; less time applies to assessments that are started later.",
    extraBreak: "Extra break time in minutes",
    extraBreakHint:
      "From 0 to 120. The person can take this break time in each session, in addition to the breaks of the session. Proctors see how much break time the person has, but not the reason.",
    alternativeIdentityCheck: "Check the identity without photos",
    alternativeIdentityCheckHint:
      "Proctors check the person's identity in another way and decide with a reason. They see that there are no photos, but not why.",
    assistiveTechnology: "Assistive technology",
    assistiveTechnologyHint: "What the person uses, and the reason. Only administrators and the person read this.",
    proctorNote: "Note for proctors",
    proctorNoteHint: "The proctors of the person's sessions read this. Do not write a diagnosis here.",
    save: "Save accommodations",
    revisions: (count: number) => counted(count, "revision"),
    revision: (time: string, percent: number, breakMinutes: number) =>
      `${time}: ${percent} % extra time, ${duration(breakMinutes * 60)} of extra break time`,
    revisionAlternative: "Identity checked without photos",
    revisionTechnology: (technology: string) => `Assistive technology: ${technology}`,
    revisionNote: (note: string) => `Note for proctors: ${note}`,
  },

  // The history of changes.
  history: "History",
  theHistory: "the history",
  noHistory: "Their roles and account have not changed.",
  historyEntry: (time: string, change: string, by: string) => `${time}: ${change}, by ${by}`,
  historyReason: (reason: string) => ` – “${reason}”`,
  unknownName: "somebody whose name is not known",
  commandLine: "the command line",
  changeKind: {
    granted: (role: string) => `role “${role}” granted`,
    revoked: (role: string) => `role “${role}” revoked`,
    certified: (day: string) => `certified until ${day}`,
    disabled: "account disabled",
    enabled: "account enabled",
  },

  // A new person.
  add: "Add a person",
  legalName: "Legal name",
  legalNameHint: "As in the identity document, with which it is compared.",
  preferredName: "Preferred name",
  preferredNameHint: "What to call them, if different.",
  email: "E-mail address",
  dateOfBirth: "Date of birth",
  language: "Language",
  languageHint: "The language of the pages and of e-mails.",
  timeZone: "Time zone",
  timeZoneHint: "E-mails state times in this time zone.",
  firstPassword: "First password",
  firstPasswordHint: "At least 12 characters; without one they cannot sign in with a password yet.",
  roles: "Roles",
  addSubmit: "Add",
  addAsk: "Add…",
  added: (name: string) => `${name} was added.`,
};

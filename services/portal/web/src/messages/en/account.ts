import type { ComponentChild, ComponentChildren } from "preact";
import { duration } from "../format";
import { counted } from "./plurals";

const answersStay =
  "Unsent answers stay on the device where they were given, and the time of a running assessment continues.";

export const account = {
  // Signing in.
  signIn: "Sign in",
  signingIn: "Signing in…",
  email: "E-mail address",
  password: "Password",
  staySignedIn: "Stay signed in on this computer",
  staySignedInHint:
    "Only for a computer that nobody else uses. On a shared computer, do not tick this: you are then signed out when the browser is closed.",
  globalSignOut: {
    "new password": "Your password was changed, and you are signed out everywhere. Sign in with the new password.",
    "perhaps new password":
      "You are signed out. Sign in with the new password or, if that is refused, with the old one.",
    "sign-out": "You are signed out everywhere.",
  },
  wasSignedOut: "You were signed out. Sign in to continue.",
  wasSignedOutWithAnswers: "You were signed out. Your answers are stored on this device; sign in to continue.",
  answersOfSomebody:
    "Answers that were not sent yet are stored on this device. They are sent when the person who gave them signs in here again.",

  // Signing out.
  whoIsSignedIn: "Who is signed in",
  signedInAs: (name: ComponentChild): ComponentChildren => ["Signed in as ", name, ". Not you?"],
  signOut: "Sign out",
  signOutWithAnswers: "Sign out with unsent answers",
  unsentAnswers: (count: number) =>
    count === 1
      ? "1 answer is not sent yet. If you sign out, it stays on this device and is sent when you sign in here again; the time of a running assessment continues."
      : `${counted(count, "answer")} are not sent yet. If you sign out, they stay on this device and are sent when you sign in here again; the time of a running assessment continues.`,
  signOutAnyway: "Sign out anyway",
  staySignedInNow: "Stay signed in",
  answersStay,

  // The account page.
  title: "Your account",
  legalName: "Legal name",
  accommodations: {
    title: "Your accommodations",
    who: "Only administrators and you can read this. Proctors of your sessions can read the note for proctors.",
    extraTime: "Extra time",
    extraTimeValue: (percent: number) => `${percent} % more time in every assessment with a time limit`,
    extraBreak: "Extra break time",
    extraBreakValue: (minutes: number) => `${duration(minutes * 60)} more break time in every session`,
    identityCheck: "Identity check",
    identityCheckValue: "without photos; a proctor checks your identity in another way",
    assistiveTechnology: "Assistive technology",
    proctorNote: "Note for proctors",
  },
  signOutEverywhere: "Sign out everywhere",
  signOutEverywhereHint:
    "Use this if you forgot to sign out on another computer, or if somebody else may have used your account.",
  signOutEverywhereLabel: "Sign out everywhere…",
  signOutEverywhereConsequence: (isLearner: boolean) =>
    `You are signed out on every device within seconds, including this one.${isLearner ? ` ${answersStay}` : ""}`,
  signOutEverywhereConfirm: "Sign out everywhere now",
  changePassword: "Change the password",
  currentPassword: "Current password",
  newPassword: "New password",
  newPasswordHint: "At least 12 characters.",
  changePasswordConsequence: (isLearner: boolean) =>
    `When you change it, you are signed out everywhere, including here, and sign in with the new password.${
      isLearner ? " Answers that were not sent yet stay on their device." : ""
    }`,
};

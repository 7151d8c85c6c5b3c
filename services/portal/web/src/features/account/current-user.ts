// Loads the signed-in person, and signs people in and out.
import { effect, signal } from "@preact/signals";
import { accounts } from "../../api/client";
import { isUnreachable } from "../../api/errors";
import { loadOrganisationDetails } from "../../api/organisation";
import { announceNewTokens, onTokensRenewedElsewhere, signedOutReason } from "../../api/tokens";
import type { Person } from "../../gen/proctorium/enrollment/v1/people_pb";
import { Role } from "../../gen/proctorium/options/v1/options_pb";
import { adoptLanguage } from "../../messages/language";
import { pendingQuestions } from "../../offline/answer-journal";
import { clearOffline, clearOfflineAndShell, loadOffline } from "../../offline/attempt-cache";
import { hasBrowserSession, startBrowserSession } from "./browser-session";
import { onSignInElsewhere, sharedPersonId, sharePersonId, shareUnknownPerson } from "./shared-person";

/** The signed-in person; null if nobody is signed in; undefined before the server's first response. */
export const me = signal<Person | null | undefined>(undefined);

/**
 * Whether `me` comes from the attempt that this browser stores (the offline copy), and the server has not confirmed on
 * this page that the person is signed in.
 */
export const unconfirmed = signal(false);

/** Whether the server has not responded for `SILENCE_MS` to the call that returns the signed-in person. */
export const isServerSilent = signal(false);
const SILENCE_MS = 3000;
const RETRY_INTERVAL_MS = 2000;

type GlobalSignOut = "new password" | "sign-out";

/**
 * The action on this page that ended all sign-ins of the person. "perhaps new password" means that the response was
 * lost, so it is unknown whether the password was changed.
 */
export const globalSignOut = signal<GlobalSignOut | "perhaps new password" | undefined>(undefined);
/**
 * The action on this page that may have ended all sign-ins of the person. The response was lost, so the outcome is
 * unknown.
 */
let unansweredSignOut: GlobalSignOut | undefined;

/** The ID of the person whose sign-in expired while they used this page; empty if there is none. */
export const expiredPersonId = signal("");

effect(() => {
  if (signedOutReason.value === "") return;
  if (unansweredSignOut === "new password") globalSignOut.value = "perhaps new password";
  // A token that has not expired is invalid only if all sign-ins of the person have ended. Therefore the sign-out took
  // effect, although its response was lost.
  else if (unansweredSignOut === "sign-out" && signedOutReason.value === "TOKEN_INVALID")
    globalSignOut.value = "sign-out";
  else expiredPersonId.value = me.peek()?.personId ?? expiredPersonId.peek();
  if (globalSignOut.peek() === undefined) me.value = null;
  else void forgetPerson();
});

/**
 * Return whether this person is signed in, and nobody else has signed in in another tab since. Calls of this page then
 * have the person's token.
 */
export function isSignedIn(personId: string): boolean {
  return me.peek()?.personId === personId && [null, personId].includes(sharedPersonId());
}

// All tabs share the cookies of the sign-in. When another person has signed in on another tab, load that person on this
// page too.
onSignInElsewhere((personId) => {
  const here = me.peek()?.personId;
  if (here === undefined || personId === here) return;
  me.value = undefined;
  void loadCurrentUser();
});

// When a person has signed in on another tab and nobody is signed in on this page, load the person on this page too.
onTokensRenewedElsewhere(() => {
  if (me.value === null) void loadCurrentUser();
});

/** Load the signed-in person from the server, and retry while the server is unreachable. */
export async function loadCurrentUser(): Promise<void> {
  void loadOrganisationDetails();
  const silence = setTimeout(() => {
    isServerSilent.value = true;
  }, SILENCE_MS);
  try {
    setPerson((await accounts.getMe({})).person);
  } catch (thrown) {
    if (!isUnreachable(thrown)) me.value = null;
    else {
      await loadStoredPerson();
      isServerSilent.value = true;
      setTimeout(() => void loadCurrentUser(), RETRY_INTERVAL_MS);
      return;
    }
  } finally {
    clearTimeout(silence);
  }
  isServerSilent.value = false;
}

/**
 * While the server is unreachable, let the learner of the offline copy continue the attempt. Answers are sent after the
 * server has confirmed that this learner is signed in. Do nothing if the browser was closed after the sign-in and the
 * learner did not choose to stay signed in, because another person may be using the computer.
 */
async function loadStoredPerson(): Promise<void> {
  if (me.peek() !== undefined || !hasBrowserSession()) return;
  const stored = await loadOffline();
  if (stored === undefined || me.peek() !== undefined) return;
  unconfirmed.value = true;
  me.value = stored.person;
}

export async function signIn(email: string, password: string, staySignedIn: boolean): Promise<void> {
  shareUnknownPerson();
  const { person } = await accounts.signIn({ email, password, staySignedIn }).catch((thrown: unknown) => {
    sharePersonId(undefined);
    throw thrown;
  });
  announceNewTokens();
  startBrowserSession(staySignedIn);
  setPerson(person);
}

function setPerson(person: Person | undefined): void {
  signedOutReason.value = "";
  expiredPersonId.value = "";
  unansweredSignOut = undefined;
  globalSignOut.value = undefined;
  sharePersonId(person?.personId);
  if (!hasBrowserSession()) startBrowserSession(false);
  unconfirmed.value = false;
  void removeAttemptOfOthers(person?.personId);
  if (person !== undefined && needsOtherLanguage(person)) location.reload();
  else me.value = person ?? null;
}

/** Return whether the page must be reloaded in the person's language. A page with answers that are not sent yet is not. */
function needsOtherLanguage({ personId, locale }: Person): boolean {
  return adoptLanguage(personId, locale) && pendingQuestions(personId) === 0;
}

/** Remove the offline copy if it belongs to another person. */
async function removeAttemptOfOthers(personId: string | undefined): Promise<void> {
  const stored = await loadOffline();
  if (stored !== undefined && stored.person.personId !== personId) await clearOffline();
}

/** Change the password. The service then ends all sign-ins of the person, including the one on this device. */
export async function changePassword(currentPassword: string, newPassword: string): Promise<void> {
  await endAllSignIns("new password", () => accounts.setPassword({ currentPassword, newPassword }));
}

/** End all sign-ins of the person, including the one on this device. */
export async function signOutEverywhere(requestId: string): Promise<void> {
  await endAllSignIns("sign-out", () => accounts.signOutEverywhere({ requestId }));
}

async function endAllSignIns(action: GlobalSignOut, call: () => Promise<unknown>): Promise<void> {
  try {
    await call();
    await signOut();
  } catch (thrown) {
    if (isUnreachable(thrown)) unansweredSignOut = action;
    throw thrown;
  }
  globalSignOut.value = action;
}

export async function signOut(): Promise<void> {
  await accounts.signOut({});
  await forgetPerson();
}

/** Remove the offline copy, and show the page as signed out. Pending answers remain stored. */
async function forgetPerson(): Promise<void> {
  sharePersonId(undefined);
  await clearOfflineAndShell();
  me.value = null;
}

export function hasRole(role: Role): boolean {
  return me.value?.roles.includes(role) ?? false;
}

export { Role };

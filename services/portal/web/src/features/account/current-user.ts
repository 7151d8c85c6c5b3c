// Who is signed in, signing in and signing out.
import { effect, signal } from "@preact/signals";
import { accounts } from "../../api/client";
import { isUnreachable } from "../../api/errors";
import { loadOrganisationDetails } from "../../api/organisation";
import { announceNewTokens, onTokensRenewedElsewhere, signedOutReason } from "../../api/tokens";
import type { Person } from "../../gen/proctorium/enrollment/v1/people_pb";
import { Role } from "../../gen/proctorium/options/v1/options_pb";
import { clearOffline, clearOfflineAndShell, loadOffline } from "../../offline/attempt-cache";
import { hasBrowserSession, startBrowserSession } from "./browser-session";
import { onSignInElsewhere, sharedPersonId, sharePersonId, shareUnknownPerson } from "./shared-person";

/** The person who is signed in; null for nobody; undefined before the server's first response. */
export const me = signal<Person | null | undefined>(undefined);

/** Whether `me` comes from the attempt that is stored on this device, and the server has not confirmed it since the page was opened. */
export const unconfirmed = signal(false);

/** Whether the server has not responded for a while to the question who is signed in. */
export const isServerSilent = signal(false);
const SILENCE_MS = 3000;
const RETRY_INTERVAL_MS = 2000;

type GlobalSignOut = "new password" | "sign-out";

/** The action on this page that ended all sign-ins of the person; "perhaps" where it is unknown whether the password was changed. */
export const globalSignOut = signal<GlobalSignOut | "perhaps new password" | undefined>(undefined);
/** An action on this page that may have ended all sign-ins of the person: the server's response was lost. */
let unansweredSignOut: GlobalSignOut | undefined;

/** The ID of a person whose sign-in ended while they worked here, without signing out; empty for nobody. */
export const expiredPersonId = signal("");

effect(() => {
  if (signedOutReason.value === "") return;
  if (unansweredSignOut === "new password") globalSignOut.value = "perhaps new password";
  // A token becomes invalid before it expires only when all sign-ins of the person have ended.
  else if (unansweredSignOut === "sign-out" && signedOutReason.value === "TOKEN_INVALID")
    globalSignOut.value = "sign-out";
  else expiredPersonId.value = me.peek()?.personId ?? expiredPersonId.peek();
  if (globalSignOut.peek() === undefined) me.value = null;
  else void forgetPerson();
});

/** Return whether calls are made in the name of this person: they are signed in, and nobody else has signed in in another tab since. */
export function isSignedIn(personId: string): boolean {
  return me.peek()?.personId === personId && [null, personId].includes(sharedPersonId());
}

// When another person has signed in in another tab, this page is theirs too.
onSignInElsewhere((personId) => {
  const here = me.peek()?.personId;
  if (here === undefined || personId === here) return;
  me.value = undefined;
  void loadCurrentUser();
});

// A person who signs in again in one tab is signed in in the others.
onTokensRenewedElsewhere(() => {
  if (me.value === null) void loadCurrentUser();
});

/** Ask the server who is signed in, and retry while it is unreachable. */
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
 * Without the server, the learner whose running attempt this browser stores can continue it; answers are sent once the server has confirmed who is signed in.
 * Not if the browser was closed since they signed in, unless they stay signed in: somebody else may be using the computer.
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
  me.value = person ?? null;
}

/** Remove a stored attempt of another person. */
async function removeAttemptOfOthers(personId: string | undefined): Promise<void> {
  const stored = await loadOffline();
  if (stored !== undefined && stored.person.personId !== personId) await clearOffline();
}

/** Change the password, which ends all sign-ins of the person, on this device too. */
export async function changePassword(currentPassword: string, newPassword: string): Promise<void> {
  await endAllSignIns("new password", () => accounts.setPassword({ currentPassword, newPassword }));
}

/** End all sign-ins of the person, on every device including this one. */
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

/** Remove what this browser stores of the person, who is signed out. */
async function forgetPerson(): Promise<void> {
  sharePersonId(undefined);
  await clearOfflineAndShell();
  me.value = null;
}

export function hasRole(role: Role): boolean {
  return me.value?.roles.includes(role) ?? false;
}

export { Role };

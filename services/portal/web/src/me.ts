// Who is signed in.
import { effect, signal } from "@preact/signals";
import { accounts, haveNewTokens, inbox, isAway, organisation, signedOut, whenRenewedElsewhere } from "./calls";
import { clearOffline, clearOfflineAndShell, loadOffline } from "./features/exam/offline";
import type { Organisation } from "./gen/proctorium/enrollment/v1/organisation_pb";
import type { Person } from "./gen/proctorium/enrollment/v1/people_pb";
import { Role } from "./gen/proctorium/options/v1/options_pb";

/** The person; null for nobody; undefined while we do not know yet. */
export const me = signal<Person | null | undefined>(undefined);
/** Whom to ask for help. */
export const help = signal<Organisation | undefined>(undefined);

/** The action on this page that ended all sign-ins of the person; "perhaps" where nobody answered whether the password is changed. */
export const endedEverywhere = signal<Ending | "perhaps new password" | undefined>(undefined);
type Ending = "new password" | "sign-out";
/** The action on this page that nobody answered: it may have ended all sign-ins of the person. */
let unheard: Ending | undefined;

/** The id of somebody who was at work here and was signed out by the end of the sign-in, not by their own word; empty for nobody. */
export const expelled = signal("");
/** Whether nobody has told us yet who is signed in, though we have asked for a while. */
export const unanswered = signal(false);
const A_WHILE_MS = 3000;

/** Whether the person is the one of the stored attempt, whom the server has not confirmed since this page was opened. */
export const unconfirmed = signal(false);

/** How many messages are unread. */
export const unread = signal(0);

effect(() => {
  if (signedOut.value === "") return;
  if (unheard === "new password") endedEverywhere.value = "perhaps new password";
  // A token is invalid before its time only when all sign-ins of the person have ended.
  else if (unheard === "sign-out" && signedOut.value === "TOKEN_INVALID") endedEverywhere.value = "sign-out";
  else expelled.value = me.peek()?.personId ?? expelled.peek();
  if (endedEverywhere.peek() === undefined) me.value = null;
  else void forget();
});

const PERSON = "proctorium.person";
/** Stored while somebody signs in: nobody knows yet to whom the cookies belong. */
const UNKNOWN = "?";

/** Tell all tabs to whom the cookies, which they share, belong. */
function share(person: string | undefined): void {
  try {
    if (person === undefined) localStorage.removeItem(PERSON);
    else localStorage.setItem(PERSON, person);
  } catch {
    // Forbidden by the browser: then each tab knows what it has done itself.
  }
}

function sharedPerson(): string | null {
  try {
    return localStorage.getItem(PERSON);
  } catch {
    return null;
  }
}

/** Whether calls are made in the name of this person: they are signed in, and nobody else has signed in meanwhile in another tab. */
export function isSignedIn(personId: string): boolean {
  return me.peek()?.personId === personId && [null, personId].includes(sharedPerson());
}

// Another person has signed in in another tab: this page is theirs now too.
addEventListener("storage", ({ key, newValue }) => {
  const here = me.peek()?.personId;
  if (key !== PERSON || newValue === null || newValue === UNKNOWN || here === undefined || newValue === here) return;
  me.value = undefined;
  void recognise();
});

// Whoever signs in again in one tab need not do so in the others.
whenRenewedElsewhere(() => {
  if (me.value === null) void recognise();
});

/** Asks who is signed in, once at start and after signing in. */
export async function recognise(): Promise<void> {
  void organisation.getOrganisation({}).then(
    (answer) => {
      help.value = answer.organisation;
    },
    () => undefined,
  );
  const patience = setTimeout(() => {
    unanswered.value = true;
  }, A_WHILE_MS);
  try {
    arrive((await accounts.getMe({})).person);
  } catch (thrown) {
    if (!isAway(thrown)) me.value = null;
    else {
      await recogniseOffline();
      unanswered.value = true;
      setTimeout(() => void recognise(), 2000);
      return;
    }
  } finally {
    clearTimeout(patience);
  }
  unanswered.value = false;
}

/**
 * Without the server, the learner whose running attempt this browser stores can continue it; answers are sent once the server has confirmed who is signed in.
 * Not if the browser was closed since they signed in, unless they stay signed in: somebody else may be using the computer.
 */
async function recogniseOffline(): Promise<void> {
  if (me.peek() !== undefined || !isBrowserSession()) return;
  const stored = await loadOffline();
  if (stored === undefined || me.peek() !== undefined) return;
  unconfirmed.value = true;
  me.value = stored.person;
}

// Pages cannot read the cookies with the tokens. This cookie of their own disappears when the browser is closed, unless the person stays signed in.
const BROWSER_SESSION = "proctorium_browser_session";
/** The longest that a sign-in can last. */
const LONGEST_SECONDS = 7 * 24 * 3600;

function isBrowserSession(): boolean {
  return document.cookie.split("; ").includes(`${BROWSER_SESSION}=1`);
}

function beginBrowserSession(staySignedIn: boolean): void {
  document.cookie = `${BROWSER_SESSION}=1; Path=/; SameSite=Strict${staySignedIn ? `; Max-Age=${LONGEST_SECONDS}` : ""}`;
}

export async function signIn(email: string, password: string, staySignedIn: boolean): Promise<void> {
  share(UNKNOWN);
  const { person } = await accounts.signIn({ email, password, staySignedIn }).catch((thrown: unknown) => {
    share(undefined);
    throw thrown;
  });
  haveNewTokens();
  beginBrowserSession(staySignedIn);
  arrive(person);
}

function arrive(person: Person | undefined): void {
  signedOut.value = "";
  expelled.value = "";
  unheard = undefined;
  endedEverywhere.value = undefined;
  share(person?.personId);
  if (!isBrowserSession()) beginBrowserSession(false);
  unconfirmed.value = false;
  void forgetOthers(person?.personId);
  me.value = person ?? null;
}

/** Remove a stored attempt that is another person's. */
async function forgetOthers(personId: string | undefined): Promise<void> {
  const stored = await loadOffline();
  if (stored !== undefined && stored.person.personId !== personId) await clearOffline();
}

/** Changes the password, which signs the person out everywhere, here too. */
export async function changePassword(currentPassword: string, newPassword: string): Promise<void> {
  await endEverywhere("new password", () => accounts.setPassword({ currentPassword, newPassword }));
}

/** Ends all sign-ins of the person, on every device including this one. */
export async function signOutEverywhere(requestId: string): Promise<void> {
  await endEverywhere("sign-out", () => accounts.signOutEverywhere({ requestId }));
}

async function endEverywhere(by: Ending, end: () => Promise<unknown>): Promise<void> {
  try {
    await end();
    await signOut();
  } catch (thrown) {
    if (isAway(thrown)) unheard = by;
    throw thrown;
  }
  endedEverywhere.value = by;
}

export async function signOut(): Promise<void> {
  await accounts.signOut({});
  await forget();
}

/** Removes what this browser stores of the person, who is signed out. */
async function forget(): Promise<void> {
  share(undefined);
  await clearOfflineAndShell();
  me.value = null;
}

/** Asks for the number of unread messages; not worth a word when it fails. */
export async function countUnread(): Promise<void> {
  await inbox.listNotifications({ pageSize: 1 }).then(
    (answer) => {
      unread.value = answer.unreadCount;
    },
    () => undefined,
  );
}

export function isA(role: Role): boolean {
  return me.value?.roles.includes(role) ?? false;
}

export { Role };

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
  if (!signedOut.value) return;
  expelled.value = me.peek()?.personId ?? expelled.peek();
  me.value = null;
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

/** Without the server, the learner of a running attempt that this browser stores goes on with it: what they answer is sent in their name only. */
async function recogniseOffline(): Promise<void> {
  if (me.peek() !== undefined) return;
  const stored = await loadOffline();
  if (stored === undefined || me.peek() !== undefined) return;
  unconfirmed.value = true;
  me.value = stored.person;
}

export async function signIn(email: string, password: string): Promise<void> {
  share(UNKNOWN);
  const { person } = await accounts.signIn({ email, password }).catch((thrown: unknown) => {
    share(undefined);
    throw thrown;
  });
  haveNewTokens();
  arrive(person);
}

function arrive(person: Person | undefined): void {
  signedOut.value = false;
  expelled.value = "";
  passwordChanged.value = false;
  share(person?.personId);
  unconfirmed.value = false;
  void forgetOthers(person?.personId);
  me.value = person ?? null;
}

/** Remove a stored attempt that is another person's. */
async function forgetOthers(personId: string | undefined): Promise<void> {
  const stored = await loadOffline();
  if (stored !== undefined && stored.person.personId !== personId) await clearOffline();
}

/** Whether the sign-in ended because the person changed their password here. */
export const passwordChanged = signal(false);

/** Changes the password, which signs the person out everywhere, here too. */
export async function changePassword(presentPassword: string, newPassword: string): Promise<void> {
  await accounts.setPassword({ presentPassword, newPassword });
  await signOut();
  passwordChanged.value = true;
}

export async function signOut(): Promise<void> {
  await accounts.signOut({});
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

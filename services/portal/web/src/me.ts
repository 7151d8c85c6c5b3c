// Who is signed in.
import { effect, signal } from "@preact/signals";
import { accounts, haveNewTokens, inbox, isAway, organisation, signedOut, whenRenewedElsewhere } from "./calls";
import type { Organisation } from "./gen/proctorium/enrollment/v1/organisation_pb";
import type { Person } from "./gen/proctorium/enrollment/v1/people_pb";
import { Role } from "./gen/proctorium/options/v1/options_pb";

/** The person; null for nobody; undefined while we do not know yet. */
export const me = signal<Person | null | undefined>(undefined);
/** Whom to ask for help. */
export const help = signal<Organisation | undefined>(undefined);

/** Whether somebody who was at work here was signed out by the end of the sign-in, not by their own word. */
export const expelled = signal(false);
/** Whether nobody has told us yet who is signed in, though we have asked for a while. */
export const unanswered = signal(false);
const A_WHILE_MS = 3000;

/** How many messages are unread. */
export const unread = signal(0);

effect(() => {
  if (!signedOut.value) return;
  if (me.peek()) expelled.value = true;
  me.value = null;
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
      unanswered.value = true;
      setTimeout(() => void recognise(), 2000);
      return;
    }
  } finally {
    clearTimeout(patience);
  }
  unanswered.value = false;
}

export async function signIn(email: string, password: string): Promise<void> {
  const { person } = await accounts.signIn({ email, password });
  haveNewTokens();
  arrive(person);
}

function arrive(person: Person | undefined): void {
  signedOut.value = false;
  expelled.value = false;
  me.value = person ?? null;
}

export async function signOut(): Promise<void> {
  await accounts.signOut({});
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

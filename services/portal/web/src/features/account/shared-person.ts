// The ID of the person to whom the cookies of the sign-in belong. All tabs share the cookies and this ID.

const KEY = "proctorium.person";
/** The value during a sign-in, while it is unknown to whom the cookies belong. */
const UNKNOWN = "?";

/** Return the ID of the person to whom the cookies belong; null if no tab has stored an ID. */
export function sharedPersonId(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/** Store for all tabs to whom the cookies belong; undefined means nobody. */
export function sharePersonId(personId: string | undefined): void {
  try {
    if (personId === undefined) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, personId);
  } catch {
    // The browser forbids storage, so other tabs do not learn about this sign-in.
  }
}

/** Store for all tabs that a sign-in is in progress. */
export function shareUnknownPerson(): void {
  sharePersonId(UNKNOWN);
}

/** Call `listener` with the ID of the person when somebody has signed in in another tab. */
export function onSignInElsewhere(listener: (personId: string) => void): void {
  addEventListener("storage", ({ key, newValue }) => {
    if (key === KEY && newValue !== null && newValue !== UNKNOWN) listener(newValue);
  });
}

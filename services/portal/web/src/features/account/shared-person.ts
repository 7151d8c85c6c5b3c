// To whom the sign-in cookies belong, which all tabs share.

const KEY = "proctorium.person";
/** Stored during a sign-in: it is not known yet to whom the cookies belong. */
const UNKNOWN = "?";

/** Return the ID of the person to whom the cookies belong; null where no tab has said so. */
export function sharedPersonId(): string | null {
  try {
    return localStorage.getItem(KEY);
  } catch {
    return null;
  }
}

/** Tell all tabs to whom the cookies belong; undefined for nobody. */
export function sharePersonId(personId: string | undefined): void {
  try {
    if (personId === undefined) localStorage.removeItem(KEY);
    else localStorage.setItem(KEY, personId);
  } catch {
    // Forbidden by the browser: then each tab knows what it has done itself.
  }
}

/** Tell all tabs that somebody signs in. */
export function shareUnknownPerson(): void {
  sharePersonId(UNKNOWN);
}

/** Call `listener` when somebody has signed in in another tab, with their ID. */
export function onSignInElsewhere(listener: (personId: string) => void): void {
  addEventListener("storage", ({ key, newValue }) => {
    if (key === KEY && newValue !== null && newValue !== UNKNOWN) listener(newValue);
  });
}

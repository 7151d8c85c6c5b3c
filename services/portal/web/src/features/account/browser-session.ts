// Detects whether the browser was closed after the sign-in. Pages cannot read the HttpOnly cookies that contain the
// tokens, so the pages set a separate cookie at the sign-in. The browser deletes this cookie when the browser is
// closed, unless the person chose to stay signed in.

const COOKIE = "proctorium_browser_session";
/** The maximum duration of a sign-in. */
const MAX_SIGN_IN_SECONDS = 7 * 24 * 3600;

export function hasBrowserSession(): boolean {
  return document.cookie.split("; ").includes(`${COOKIE}=1`);
}

export function startBrowserSession(staySignedIn: boolean): void {
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is not available over plain HTTP.
  document.cookie = `${COOKIE}=1; Path=/; SameSite=Strict${staySignedIn ? `; Max-Age=${MAX_SIGN_IN_SECONDS}` : ""}`;
}

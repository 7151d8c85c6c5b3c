// Whether the browser was closed since the sign-in. Pages cannot read the HttpOnly cookies with the tokens, so they have a cookie of their
// own, which disappears when the browser is closed, unless the person stays signed in.

const COOKIE = "proctorium_browser_session";
/** The longest that a sign-in can last. */
const MAX_SIGN_IN_SECONDS = 7 * 24 * 3600;

export function hasBrowserSession(): boolean {
  return document.cookie.split("; ").includes(`${COOKIE}=1`);
}

export function startBrowserSession(staySignedIn: boolean): void {
  // biome-ignore lint/suspicious/noDocumentCookie: the Cookie Store API is not available over plain HTTP.
  document.cookie = `${COOKIE}=1; Path=/; SameSite=Strict${staySignedIn ? `; Max-Age=${MAX_SIGN_IN_SECONDS}` : ""}`;
}

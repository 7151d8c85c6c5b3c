// Detects whether the browser was closed since the sign-in. Pages cannot read the HttpOnly cookies that contain the
// tokens, so they set a separate cookie. Browsers delete this cookie when they are closed, unless the person chose to
// stay signed in.

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

// Client-side routing. Each page has an address, so that reloading, the back button and shared links work.
import { signal } from "@preact/signals";

export const path = signal(location.pathname);

addEventListener("popstate", () => {
  path.value = location.pathname;
});

/** Go to a page of the portal without loading the document again. */
export function navigate(to: string, replace = false): void {
  if (to === location.pathname) return;
  if (replace) history.replaceState(null, "", to);
  else history.pushState(null, "", to);
  path.value = to;
  scrollTo(0, 0);
}

/**
 * Return the named parts of an address that matches a pattern such as "/sessions/:id"; undefined if it does not match.
 */
export function match(pattern: string, address: string): Record<string, string> | undefined {
  const wanted = pattern.split("/");
  const given = address.split("/");
  if (wanted.length !== given.length) return undefined;
  const parts: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const value = given[index] ?? "";
    // The value needs no decoding, because named parts are IDs and contain no percent-encoded characters.
    if (part.startsWith(":")) parts[part.slice(1)] = value;
    else if (part !== value) return undefined;
  }
  return parts;
}

// Renders a part of a page after the rest, so that neither part delays the browser for long.
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";

/** Content that is rendered for the first time after the browser has painted the rest of the page. */
export function AfterPaint({ children }: { children: ComponentChildren }): ComponentChildren {
  const [isPainted, setPainted] = useState(false);
  // The browser runs effects after it has painted.
  useEffect(() => setPainted(true), []);
  return isPainted ? children : null;
}

// The time, for what a page says about it.
import { useEffect, useState } from "preact/hooks";

const EVERY_MS = 15_000;

/** The browser's time in milliseconds, a quarter of a minute old at most. For words only: the server decides by its own clock. */
export function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), EVERY_MS);
    return () => clearInterval(timer);
  }, []);
  return now;
}

/** Calls `shown` when the person comes back to the page from another tab or window. */
export function useWhenShown(shown: () => void): void {
  useEffect(() => {
    const look = (): void => {
      if (document.visibilityState === "visible") shown();
    };
    document.addEventListener("visibilitychange", look);
    return () => document.removeEventListener("visibilitychange", look);
  }, []);
}

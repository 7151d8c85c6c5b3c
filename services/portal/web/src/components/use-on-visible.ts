// A hook that runs code when a person returns to a page.
import { useEffect } from "preact/hooks";

/** Call `listener` when the person returns to the page from another tab or window. */
export function useOnVisible(listener: () => void): void {
  useEffect(() => {
    const check = (): void => {
      if (document.visibilityState === "visible") listener();
    };
    document.addEventListener("visibilitychange", check);
    return () => document.removeEventListener("visibilitychange", check);
  }, []);
}

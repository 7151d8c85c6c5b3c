// Keeps the focus in a part of the page when the focused element is removed, for example because its action is done.
import type { RefObject } from "preact";
import { useEffect, useRef } from "preact/hooks";

/** Move the focus to `fallback` when an element inside `part` had the focus and was removed or disabled. */
export function useFocusFallback(part: RefObject<HTMLElement | null>, fallback: RefObject<HTMLElement | null>): void {
  const isInside = useRef(false);
  useEffect(() => {
    const note = ({ target }: FocusEvent): void => {
      isInside.current = part.current?.contains(target as Node) ?? false;
    };
    document.addEventListener("focusin", note);
    return () => document.removeEventListener("focusin", note);
  }, []);
  useEffect(() => {
    const isLost = document.activeElement === null || document.activeElement === document.body;
    if (isInside.current && isLost) fallback.current?.focus({ preventScroll: true });
  });
}

// Renders fewer of many changes that follow each other quickly.
import { useEffect, useRef, useState } from "preact/hooks";

/** Return the latest value, but a new one at most once in `intervalMs`. The first change is returned at once. */
export function useCoalesced<Value>(value: Value, intervalMs: number): Value {
  const [shown, setShown] = useState(value);
  const last = useRef(Number.NEGATIVE_INFINITY);
  useEffect(() => {
    const show = (): void => {
      last.current = performance.now();
      setShown(() => value);
    };
    const wait = last.current + intervalMs - performance.now();
    if (wait <= 0) return show();
    const timer = setTimeout(show, wait);
    return () => clearTimeout(timer);
  }, [value]);
  return shown;
}

// Limits how often a value that changes quickly is rendered.
import { useEffect, useRef, useState } from "preact/hooks";

/**
 * Return the latest value, but change the returned value at most once in `intervalMs`. A change after a longer time is
 * returned at once.
 */
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

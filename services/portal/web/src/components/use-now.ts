// The current time, for texts that depend on it.
import { useEffect, useState } from "preact/hooks";

const INTERVAL_MS = 15_000;

/**
 * Return the browser's time in milliseconds, at most 15 seconds old. Use it only in texts, because the server decides
 * by its own clock.
 */
export function useNow(): number {
  const [now, setNow] = useState(Date.now);
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), INTERVAL_MS);
    return () => clearInterval(timer);
  }, []);
  return now;
}

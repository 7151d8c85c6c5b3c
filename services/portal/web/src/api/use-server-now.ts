// The server's time, for countdowns.
import { useEffect, useState } from "preact/hooks";
import { serverNow } from "./server-time";

/** Return the server's time in milliseconds, updated every second. */
export function useServerNow(): number {
  const [now, setNow] = useState(presentTime);
  useEffect(() => {
    const timer = setInterval(() => setNow(presentTime()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

/** Before the first response with the server's time, the browser's time is used. */
function presentTime(): number {
  return serverNow() ?? Date.now();
}

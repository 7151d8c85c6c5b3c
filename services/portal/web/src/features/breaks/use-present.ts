// The server's time, updated every second.
import { useEffect, useState } from "preact/hooks";
import { present } from "./breaks";

export function usePresent(): number {
  const [now, setNow] = useState(present);
  useEffect(() => {
    const timer = setInterval(() => setNow(present()), 1000);
    return () => clearInterval(timer);
  }, []);
  return now;
}

// A note that something is being loaded.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { messages } from "../messages";
import { Skeleton } from "./skeleton";

const text = messages.common;

const LONG_MS = 3000;

/**
 * Shows that something is being loaded. After three seconds, it adds that loading takes longer than usual and continues
 * automatically.
 */
export function Loading({ what }: { what: string }): JSX.Element {
  const [isLong, setLong] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLong(true), LONG_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <div class="loading">
      <p role="status">
        {text.loading(what)}
        {isLong && ` ${text.loadingLong}`}
      </p>
      <Skeleton lines={2} />
    </div>
  );
}

// A problem on a page.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Problem } from "../api/errors";
import { messages } from "../messages";
import { HelpContact } from "./help-contact";

const text = messages.common;

/** A problem with its sentence and whom to ask. */
export function ProblemNote({ problem }: { problem: Problem | undefined }): JSX.Element | null {
  if (problem === undefined) return null;
  return (
    <div class="note problem" role="alert" data-reason={problem.reason}>
      <p>{problem.sentence}</p>
      {problem.retryAfterSeconds !== undefined && <RetryCountdown seconds={problem.retryAfterSeconds} />}
      <HelpContact />
    </div>
  );
}

/** Counts down to when trying again makes sense; screen readers do not announce it. */
function RetryCountdown({ seconds }: { seconds: number }): JSX.Element {
  const [left, setLeft] = useState(seconds);
  useEffect(() => {
    if (left <= 0) return;
    const timer = setTimeout(() => setLeft(left - 1), 1000);
    return () => clearTimeout(timer);
  }, [left]);
  return <p aria-live="off">{left > 0 ? text.tryAgainIn(left) : text.tryAgainNow}</p>;
}

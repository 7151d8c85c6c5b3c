// The note that shows a problem.
import { CircleAlert } from "lucide";
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Problem } from "../api/errors";
import { messages } from "../messages";
import { HelpContact } from "./help-contact";
import { Icon } from "./icon";

const text = messages.common;

/** Shows the sentence of a problem, the wait before the next try, and the contacts for help. */
export function ProblemNote({ problem }: { problem: Problem | undefined }): JSX.Element | null {
  if (problem === undefined) return null;
  return (
    <div class="note problem" role="alert" data-reason={problem.reason}>
      <Icon of={CircleAlert} />
      <p lang={problem.lang}>{problem.sentence}</p>
      {problem.retryAfterSeconds !== undefined && <RetryCountdown seconds={problem.retryAfterSeconds} />}
      <HelpContact />
    </div>
  );
}

/** Counts down the seconds until the next try. Screen readers do not announce the countdown. */
function RetryCountdown({ seconds }: { seconds: number }): JSX.Element {
  const [left, setLeft] = useState(seconds);
  useEffect(() => {
    if (left <= 0) return;
    const timer = setTimeout(() => setLeft(left - 1), 1000);
    return () => clearTimeout(timer);
  }, [left]);
  return <p aria-live="off">{left > 0 ? text.tryAgainIn(left) : text.tryAgainNow}</p>;
}

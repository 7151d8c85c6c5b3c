// What a learner sees during a break: the remaining time of the break, whether the clock runs, and the button that ends
// the break.
import type { JSX } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { breaks } from "../../api/client";
import { useAction } from "../../api/use-action";
import { useServerNow } from "../../api/use-server-now";
import { ProblemNote } from "../../components/problem-note";
import type { Break } from "../../gen/proctorium/session/v1/breaks_pb";
import { messages } from "../../messages";
import { clockText } from "../exam/clock";
import { secondsOfBreak } from "./breaks";

const text = messages.breaks;

interface BreakScreenProps {
  taken: Break;
  clockStops: boolean;
}

export function BreakScreen({ taken, clockStops }: BreakScreenProps): JSX.Element {
  const left = secondsOfBreak(taken, useServerNow());
  const { busy, problem, run } = useAction();
  const { breakId } = taken;
  const heading = useRef<HTMLHeadingElement>(null);
  // The button that started the break is gone, so the focus moves to the break. Screen readers then read the heading.
  useLayoutEffect(() => heading.current?.focus(), [breakId]);
  const comeBack = (): void =>
    void run((requestId) => breaks.returnFromBreak({ requestId, breakId }), `return ${breakId}`);
  return (
    <section class="note">
      <h2 ref={heading} tabIndex={-1}>
        {text.title}
      </h2>
      <p>
        <span class={left < 0 ? "clock late" : "clock"} role="timer" aria-label={text.timeLeft} translate={false}>
          {clockText(Math.max(0, left))}
        </span>
      </p>
      <p>{clockStops ? text.clockStops : text.clockRuns}</p>
      <p>{text.hidden}</p>
      <div role="alert">{left < 0 && <p class="problem-text">{text.overrun}</p>}</div>
      <ProblemNote problem={problem} />
      <button type="button" disabled={busy} onClick={comeBack}>
        {text.comeBack}
      </button>
    </section>
  );
}

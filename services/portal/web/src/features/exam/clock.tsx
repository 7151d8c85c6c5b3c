// The clock of an attempt: it counts from the server's time to the server's deadline.
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type ReadonlySignal, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Badge } from "../../components/badge";
import type { Attempt } from "../../gen/proctorium/assessment/v1/attempts_pb";
import { messages } from "../../messages";
import { Announcer, visibleWarning } from "./time-warnings";

/** The attempt as the server showed it last, and when that was by `performance.now()`. */
export interface Shown {
  attempt: Attempt;
  at: number;
}

/** How far the computer's clock may shift before the time is requested from the server. */
const MOVED_MS = 2000;

/**
 * `performance.now()`, every second. Nobody corrects that clock, but on some systems it stands still while the computer sleeps: when it and
 * the computer's own clock no longer agree, the time is `asked` for again.
 */
export function useSteadyClock(ask: () => void): ReadonlySignal<number> {
  const now = useSignal(performance.now());
  useEffect(() => {
    let before = Date.now() - performance.now();
    const timer = setInterval(() => {
      now.value = performance.now();
      const apart = Date.now() - now.value;
      if (Math.abs(apart - before) > MOVED_MS) ask();
      before = apart;
    }, 1000);
    return () => clearInterval(timer);
  }, [ask]);
  return now;
}

/** Whole seconds to the server's deadline, counted from the server's time; undefined for an attempt without a limit. */
export function secondsLeft({ attempt, at }: Shown, now: number): number | undefined {
  if (attempt.deadlineTime === undefined || attempt.serverTime === undefined) return undefined;
  const left = timestampMs(attempt.deadlineTime) - timestampMs(attempt.serverTime);
  return Math.max(0, Math.round((left - Math.max(0, now - at)) / 1000));
}

export interface ClockProps {
  shown: Shown;
  now: ReadonlySignal<number>;
}

export function Clock({ shown, now }: ClockProps): JSX.Element | null {
  const left = secondsLeft(shown, now.value);
  const announcer = useRef(new Announcer());
  if (left === undefined) return null;
  const parts = [Math.floor(left / 3600), Math.floor(left / 60) % 60, left % 60];
  const text = parts.map((part) => String(part).padStart(2, "0")).join(":");
  const warning = visibleWarning(left);
  return (
    <>
      <span
        class={left < 300 ? "clock late" : "clock"}
        role="timer"
        aria-label={messages.exam.timeLeft(shown.attempt.title)}
        translate={false}
      >
        {text}
      </span>
      {warning && <Badge tone={left <= 300 ? "bad" : "wait"}>{warning}</Badge>}
      {/* Spoken at three moments only: a clock that speaks every second is no help. */}
      <span class="visually-hidden" role="status">
        {announcer.current.announce(left)}
      </span>
    </>
  );
}

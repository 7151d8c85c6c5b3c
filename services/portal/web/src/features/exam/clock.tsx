// The clock of an attempt: it counts from the server's time to the server's deadline.
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type ReadonlySignal, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Badge } from "../../components/badge";
import type { Attempt } from "../../gen/proctorium/assessment/v1/attempts_pb";
import { messages } from "../../messages";
import { Announcer, visibleWarning } from "./time-warnings";

/** The attempt as the server last sent it, and when that was by `performance.now()`. */
export interface AttemptSnapshot {
  attempt: Attempt;
  at: number;
}

/** How far the computer's clock may shift before the time is requested from the server. */
const MAX_DRIFT_MS = 2000;

/**
 * Notices when the computer's clock and `performance.now()` no longer run alike: the clock was set, or `performance.now()` stood still while
 * the computer slept, as it does on some systems.
 */
export class ClockDrift {
  #difference: number;

  constructor(date: number, now: number) {
    this.#difference = date - now;
  }

  /** Return whether the clocks have moved apart since the last call. */
  hasJumped(date: number, now: number): boolean {
    const before = this.#difference;
    this.#difference = date - now;
    return Math.abs(this.#difference - before) > MAX_DRIFT_MS;
  }
}

/** Return `performance.now()`, every second. When the computer's clock and this one move apart, `onJump` requests the time from the server. */
export function useSteadyClock(onJump: () => void): ReadonlySignal<number> {
  const now = useSignal(performance.now());
  useEffect(() => {
    const drift = new ClockDrift(Date.now(), performance.now());
    const timer = setInterval(() => {
      now.value = performance.now();
      if (drift.hasJumped(Date.now(), now.value)) onJump();
    }, 1000);
    return () => clearInterval(timer);
  }, [onJump]);
  return now;
}

/** Return the whole seconds to the server's deadline, counted from the server's time; undefined for an attempt without a limit. */
export function secondsLeft({ attempt, at }: AttemptSnapshot, now: number): number | undefined {
  if (attempt.deadlineTime === undefined || attempt.serverTime === undefined) return undefined;
  const left = timestampMs(attempt.deadlineTime) - timestampMs(attempt.serverTime);
  return Math.max(0, Math.round((left - Math.max(0, now - at)) / 1000));
}

/** Return seconds as hours, minutes and seconds: "01:30:00". */
export function clockText(seconds: number): string {
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}

export interface ClockProps {
  shown: AttemptSnapshot;
  now: ReadonlySignal<number>;
}

export function Clock({ shown, now }: ClockProps): JSX.Element | null {
  const left = secondsLeft(shown, now.value);
  const announcer = useRef(new Announcer());
  if (left === undefined) return null;
  const warning = visibleWarning(left);
  return (
    <>
      <span
        class={left < 300 ? "clock late" : "clock"}
        role="timer"
        aria-label={messages.exam.timeLeft(shown.attempt.title)}
        translate={false}
      >
        {clockText(left)}
      </span>
      {warning && <Badge tone={left <= 300 ? "bad" : "wait"}>{warning}</Badge>}
      {/* Spoken at three moments only: a clock that speaks every second does not help. */}
      <span class="visually-hidden" role="status">
        {announcer.current.announce(left)}
      </span>
    </>
  );
}

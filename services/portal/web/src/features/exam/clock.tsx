// The clock of an attempt, which counts down from the server's time to the deadline.
import { durationMs, timestampMs } from "@bufbuild/protobuf/wkt";
import { type ReadonlySignal, useSignal } from "@preact/signals";
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { Badge } from "../../components/badge";
import { type Attempt, ClockState } from "../../gen/proctorium/assessment/v1/attempts_pb";
import { messages } from "../../messages";
import type { AttemptBreak } from "../breaks/breaks";
import type { AttemptPause } from "./pause";
import { Announcer, visibleWarning } from "./time-warnings";

/** The attempt that the server sent last, and the value of `performance.now()` when it arrived. */
export interface AttemptSnapshot {
  attempt: Attempt;
  at: number;
}

/** If the computer's clock shifts by more than this, the time is requested from the server again. */
const MAX_DRIFT_MS = 2000;

/**
 * Detects that the difference between the computer's clock and `performance.now()` has changed. Either the clock was
 * set, or `performance.now()` stopped while the computer slept, as on some systems.
 */
export class ClockDrift {
  #difference: number;

  constructor(date: number, now: number) {
    this.#difference = date - now;
  }

  /** Return whether the difference has changed by more than `MAX_DRIFT_MS` since the last call. */
  hasJumped(date: number, now: number): boolean {
    const before = this.#difference;
    this.#difference = date - now;
    return Math.abs(this.#difference - before) > MAX_DRIFT_MS;
  }
}

/**
 * Return `performance.now()`, updated every second. `onJump` is called when the computer's clock drifts from it, and
 * should request the time from the server.
 */
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

/**
 * Return the remaining whole seconds; undefined for an attempt without a time limit. If the clock has been stopped
 * since `stoppedAt`, a time of the server in milliseconds, the seconds are those that remained then.
 */
export function secondsLeft({ attempt, at }: AttemptSnapshot, now: number, stoppedAt?: number): number | undefined {
  if (attempt.clockState === ClockState.PAUSED) {
    return attempt.remainingTime && Math.round(durationMs(attempt.remainingTime) / 1000);
  }
  if (attempt.deadlineTime === undefined || attempt.serverTime === undefined) return undefined;
  const deadline = timestampMs(attempt.deadlineTime);
  const present = stoppedAt ?? presentOf({ attempt, at }, now);
  // During a bounded stop, the clock starts to run at `clockResumeTime`.
  const runsFrom = attempt.clockResumeTime ? Math.max(present, timestampMs(attempt.clockResumeTime)) : present;
  return Math.max(0, Math.round((deadline - runsFrom) / 1000));
}

/** Return the server's time in milliseconds when `performance.now()` is `now`. */
function presentOf({ attempt, at }: AttemptSnapshot, now: number): number {
  return attempt.serverTime ? timestampMs(attempt.serverTime) + Math.max(0, now - at) : 0;
}

/** Return whether the clock is stopped, because of a pause or a break. */
export function isStanding(
  shown: AttemptSnapshot,
  now: number,
  pause: AttemptPause | undefined,
  ownBreak: AttemptBreak | undefined,
): boolean {
  const { clockResumeTime } = shown.attempt;
  const isBounded = clockResumeTime !== undefined && presentOf(shown, now) < timestampMs(clockResumeTime);
  return pause !== undefined || ownBreak?.stoppedAt !== undefined || isBounded;
}

/** Format seconds as hours, minutes and seconds, such as "01:30:00". */
export function clockText(seconds: number): string {
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return parts.map((part) => String(part).padStart(2, "0")).join(":");
}

export interface ClockProps {
  shown: AttemptSnapshot;
  /** The pause of the attempt. The clock is stopped during the pause. */
  pause: AttemptPause | undefined;
  ownBreak: AttemptBreak | undefined;
  now: ReadonlySignal<number>;
}

export function Clock({ shown, pause, ownBreak, now }: ClockProps): JSX.Element | null {
  const left = secondsLeft(shown, now.value, pause?.since ?? ownBreak?.stoppedAt);
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
      {/* Announced only at a few moments, because an announcement every second would disturb the learner. */}
      <span class="visually-hidden" role="status">
        {announcer.current.announce(left)}
      </span>
    </>
  );
}

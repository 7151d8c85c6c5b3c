// The urgent needs of learners, and the sound that alerts the person to them.
import { useEffect, useRef } from "preact/hooks";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import { isUrgent, needsOf } from "./attention";
import { preferences } from "./preferences";

/** Return a key for each urgent need of a participant. */
export function urgentNeeds(participants: readonly Participant[]): string[] {
  return participants.flatMap((participant) =>
    needsOf(participant)
      .filter(isUrgent)
      .map((need) => `${participant.participantId} ${need}`),
  );
}

/**
 * Play a sound when a new urgent need appears. `urgent` contains a key for each urgent need. Needs that exist when the
 * page is opened make no sound.
 */
export function useAlertSound(urgent: readonly string[]): void {
  const known = useRef<ReadonlySet<string> | undefined>(undefined);
  useEffect(listenForGesture, []);
  useEffect(() => {
    const isNew = known.current !== undefined && urgent.some((key) => !known.current?.has(key));
    known.current = new Set(urgent);
    if (isNew && preferences.value.sound) playSound();
  }, [urgent.join()]);
}

let audio: AudioContext | undefined;

/**
 * Prepare the sound at each click and key press, because browsers forbid sound before the first of them. Return a
 * function that stops this.
 */
function listenForGesture(): () => void {
  const prepare = (): void => {
    if (audio?.state === "running") return;
    // The first preparation is slow, so it must not delay the response to the click or key press.
    setTimeout(() => {
      audio ??= new AudioContext();
      void audio.resume();
    });
  };
  addEventListener("pointerdown", prepare);
  addEventListener("keydown", prepare);
  return () => {
    removeEventListener("pointerdown", prepare);
    removeEventListener("keydown", prepare);
  };
}

const TONES_HZ = [660, 880];
const TONE_SECONDS = 0.16;
const VOLUME = 0.15;

/** Play two short tones. Nothing is played before the first click or key press on the page. */
function playSound(): void {
  if (audio?.state !== "running") return;
  for (const [index, frequency] of TONES_HZ.entries()) {
    const start = audio.currentTime + index * TONE_SECONDS;
    const oscillator = audio.createOscillator();
    const gain = audio.createGain();
    oscillator.frequency.value = frequency;
    gain.gain.setValueAtTime(VOLUME, start);
    gain.gain.exponentialRampToValueAtTime(0.001, start + TONE_SECONDS);
    oscillator.connect(gain).connect(audio.destination);
    oscillator.start(start);
    oscillator.stop(start + TONE_SECONDS);
  }
}

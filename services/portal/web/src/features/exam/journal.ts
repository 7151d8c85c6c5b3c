// What this device keeps of changes that the server has not acknowledged: an entry for each, so that no tab writes over another's.
import { fromJson, toJson } from "@bufbuild/protobuf";
import { timestampMs } from "@bufbuild/protobuf/wkt";
import { type AnswerChange, AnswerChangeSchema } from "../../gen/proctorium/assessment/v1/attempts_pb";
import { newId } from "../../ids";

const PLACE = "proctorium.answers.";

/** A change and where this device keeps it. */
export interface Kept {
  readonly place: string;
  change: AnswerChange;
}

/** When the learner made a change, by the clock of this device. */
export function madeAt({ clientTime }: AnswerChange): number {
  return clientTime === undefined ? 0 : timestampMs(clientTime);
}

export function newPlace(attemptId: string): string {
  return `${PLACE}${attemptId}.${newId()}`;
}

/** The attempts of which something is kept, by whichever tab. */
export function keptAttempts(): ReadonlySet<string> {
  const places = Object.keys(localStorage).filter((place) => place.startsWith(PLACE));
  return new Set(places.map((place) => place.slice(PLACE.length).split(".")[0] ?? ""));
}

/** What is kept of one attempt, by whichever tab, in the order in which it was made. */
export function keptOf(attemptId: string): Kept[] {
  const places = Object.keys(localStorage).filter((place) => place.startsWith(`${PLACE}${attemptId}.`));
  const found = places.flatMap((place) => read(place) ?? []);
  return found.sort((one, other) => madeAt(one.change) - madeAt(other.change) || Number(one.change.sequence - other.change.sequence));
}

function read(place: string): Kept | undefined {
  try {
    return { place, change: fromJson(AnswerChangeSchema, JSON.parse(localStorage.getItem(place) ?? "")) };
  } catch {
    // Taken away by another tab meanwhile, or not ours.
    return undefined;
  }
}

/** Keeps a change; false where the browser is full or forbids it. */
export function keep({ place, change }: Kept): boolean {
  try {
    localStorage.setItem(place, JSON.stringify(toJson(AnswerChangeSchema, change)));
    return true;
  } catch {
    return false;
  }
}

export function isKept({ place }: Kept): boolean {
  try {
    return localStorage.getItem(place) !== null;
  } catch {
    return false;
  }
}

/** Lets go of what needs no keeping any more. */
export function letGo({ place }: Kept): void {
  try {
    localStorage.removeItem(place);
  } catch {
    // Forbidden by the browser: then nothing was kept either.
  }
}

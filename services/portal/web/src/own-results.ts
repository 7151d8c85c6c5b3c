// What the learner has reached, newest first: courses lead there once there is something to see.
import { transcripts } from "./calls";
import type { Result, TranscriptEntry } from "./gen/proctorium/assessment/v1/results_pb";
import { isA, Role } from "./me";
import { useLoaded } from "./parts";

/** The transcript; empty until it is known, and where it cannot be had: pages go on without it. */
export function useOwnResults(): readonly TranscriptEntry[] {
  const { loaded } = useLoaded("transcript", async () => (isA(Role.LEARNER) ? (await transcripts.getTranscript({})).entries : []));
  return loaded ?? [];
}

/** The result that counts among those that `belong`: the newest pass, else the newest. */
export function bestOf(entries: readonly TranscriptEntry[], belong: (entry: TranscriptEntry) => boolean): Result | undefined {
  const found = entries.filter(belong);
  return (found.find(({ result }) => result?.passed) ?? found[0])?.result;
}

/** How the way to a result is called. */
export function wayTo({ certificateId }: Result): string {
  return certificateId ? "View result and certificate" : "View result";
}

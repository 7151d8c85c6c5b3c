// The learner's transcript: courses link to its results and certificates.
import { useEffect, useState } from "preact/hooks";
import { sleep, untilAnswered } from "./again";
import { problemOf, transcripts } from "./calls";
import type { Certificate, Result, TranscriptEntry } from "./gen/proctorium/assessment/v1/results_pb";
import { isA, Role } from "./me";
import { useLoaded } from "./parts";

/** The results in the transcript; empty until it is loaded, and where it cannot be: pages work without it. */
export function useOwnResults(): readonly TranscriptEntry[] {
  const { loaded } = useLoaded("transcript", async () => (isA(Role.LEARNER) ? (await transcripts.getTranscript({})).entries : []));
  return loaded ?? [];
}

const CERTIFICATE_LOOKS = 10;
const BETWEEN_LOOKS_MS = 2000;

/**
 * The certificate of the course that a passed attempt belongs to, or null. A certificate is issued some seconds after the result that
 * completed its course, so the transcript is read several times. An empty id reads nothing.
 */
export function useCertificate(attemptId: string): Certificate | null {
  const [found, setFound] = useState<Certificate | null>(null);
  useEffect(() => {
    if (attemptId === "") return;
    const leaving = new AbortController();
    void (async () => {
      for (let look = 0; look < CERTIFICATE_LOOKS && !leaving.signal.aborted; look += 1) {
        const { entries, certificates } = await untilAnswered(() => transcripts.getTranscript({}), leaving.signal);
        const courseId = entries.find(({ result }) => result?.attemptId === attemptId)?.courseId;
        const certificate = certificates.find((each) => each.courseId !== "" && each.courseId === courseId);
        if (certificate) setFound(certificate);
        if (certificate?.issueTime || !courseId) return;
        await sleep(BETWEEN_LOOKS_MS, leaving.signal);
      }
    })().catch(problemOf);
    return () => leaving.abort();
  }, [attemptId]);
  return found;
}

/** The result that counts among those that `belong`: the newest pass, else the newest. */
export function bestOf(entries: readonly TranscriptEntry[], belong: (entry: TranscriptEntry) => boolean): Result | undefined {
  const found = entries.filter(belong);
  return (found.find(({ result }) => result?.passed) ?? found[0])?.result;
}

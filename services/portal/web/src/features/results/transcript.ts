// Loads the learner's transcript. The pages of courses use the transcript to link to results and certificates.
import { useEffect, useState } from "preact/hooks";
import { transcripts } from "../../api/client";
import { toProblem } from "../../api/errors";
import { retryWhileUnreachable, sleep } from "../../api/retry";
import { useQuery } from "../../api/use-query";
import type { Certificate, Result, TranscriptEntry } from "../../gen/proctorium/assessment/v1/results_pb";
import { hasRole, Role } from "../account/current-user";

/**
 * Return the entries of the transcript. The list is empty until the transcript is loaded. If loading fails, the list
 * stays empty, because pages work without the transcript.
 */
export function useOwnResults(): readonly TranscriptEntry[] {
  const { data } = useQuery("transcript", async () =>
    hasRole(Role.LEARNER) ? (await transcripts.getTranscript({})).entries : [],
  );
  return data ?? [];
}

const MAX_CERTIFICATE_POLLS = 10;
const POLL_INTERVAL_MS = 2000;

/**
 * Return the certificate of the course to which a passed attempt belongs, or null. The transcript is read several
 * times, because a certificate is issued some seconds after the result with which the learner completed the course. If
 * `attemptId` is empty, nothing is read.
 */
export function useCertificate(attemptId: string): Certificate | null {
  const [found, setFound] = useState<Certificate | null>(null);
  useEffect(() => {
    if (attemptId === "") return;
    const unmount = new AbortController();
    void (async () => {
      for (let poll = 0; poll < MAX_CERTIFICATE_POLLS && !unmount.signal.aborted; poll += 1) {
        const { entries, certificates } = await retryWhileUnreachable(
          () => transcripts.getTranscript({}),
          unmount.signal,
        );
        const courseId = entries.find(({ result }) => result?.attemptId === attemptId)?.courseId;
        const certificate = certificates.find((each) => each.courseId !== "" && each.courseId === courseId);
        if (certificate) setFound(certificate);
        if (certificate?.issueTime || !courseId) return;
        await sleep(POLL_INTERVAL_MS, unmount.signal);
      }
    })().catch(toProblem);
    return () => unmount.abort();
  }, [attemptId]);
  return found;
}

/**
 * Return the result that counts among the entries for which `belong` returns true: the newest passed result, or the
 * newest result if none was passed.
 */
export function bestOf(
  entries: readonly TranscriptEntry[],
  belong: (entry: TranscriptEntry) => boolean,
): Result | undefined {
  const found = entries.filter(belong);
  return (found.find(({ result }) => result?.passed) ?? found[0])?.result;
}

// The learner's side of the identity check: a photo of the document and a selfie.
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { identity } from "../../api/client";
import { INITIAL_BACKOFF_MS, nextBackoff, sleep } from "../../api/retry";
import { useAction } from "../../api/use-action";
import { useQuery } from "../../api/use-query";
import { Badge } from "../../components/badge";
import { HelpContact } from "../../components/help-contact";
import { Loading } from "../../components/loading";
import { ProblemNote } from "../../components/problem-note";
import { type Case, CaseState, EvidenceKind } from "../../gen/proctorium/identity/v1/verification_pb";
import { IdentityState } from "../../gen/proctorium/session/v1/lobby_pb";
import { prepareImage } from "./image";

/** The case is opened by an event, a moment after joining; longer while events wait, and then all who joined ask at once. */
const NOT_YET = "NOT_FOUND";

/** As long as the edge lets it take: many megabytes on a slow line. */
const PICTURE_TIMEOUT_MS = 60_000;
const TOO_SLOW =
  "The picture did not get through in a minute. Send it again where the connection is better, or send a smaller one, taken with a lower resolution.";

export function IdentityEvidence({ sessionId, state }: { sessionId: string; state: IdentityState }): JSX.Element {
  const { data, problem, reload } = useQuery(`${sessionId}/${state}`, () =>
    identity.getCase({ by: { case: "learner", value: { sessionId } } }),
  );
  const pause = useRef(INITIAL_BACKOFF_MS);
  const waits = state !== IdentityState.VERIFIED && data === undefined && problem?.reason === NOT_YET;
  // Each refusal is a problem of its own: so one pause follows each, however often the page is drawn.
  useEffect(() => {
    if (!waits) return;
    const leaving = new AbortController();
    void sleep(pause.current, leaving.signal).then(() => {
      if (leaving.signal.aborted) return;
      pause.current = nextBackoff(pause.current);
      reload();
    });
    return () => leaving.abort();
  }, [waits, problem]);
  if (state === IdentityState.VERIFIED) return <Badge tone="good">Identity verified</Badge>;
  const found = data?.case;
  if (found === undefined) {
    if (problem === undefined || waits) return <Loading what="the identity check" />;
    return <ProblemNote problem={problem} />;
  }
  return <Evidence found={found} sent={reload} />;
}

function Evidence({ found, sent }: { found: Case; sent: () => void }): JSX.Element {
  if (found.state === CaseState.REJECTED) {
    return (
      <div class="note problem">
        <p>Your identity could not be verified from the pictures. The reason: {found.decisionReason}</p>
        <p>What you can do now:</p>
        <ul>
          <li>
            Stay in the session if you like: the course content is open to you while it is in progress. The assessment
            is not.
          </li>
          <li>
            Write to your administrator, with this reason. They can plan another session for you, in which your identity
            is checked anew.
          </li>
          <li>
            Have a valid document at hand then, with the name that you are registered under, and take the pictures in
            good light.
          </li>
        </ul>
        <p>It says nothing about your answers or results, and a person decided it, not a machine.</p>
        <HelpContact />
      </div>
    );
  }
  if (found.state === CaseState.EXPIRED) return <p>The session ended before your identity was checked.</p>;
  return (
    <>
      {found.state === CaseState.SUBMITTED && (
        <p role="status">
          <Badge tone="wait">Sent: waiting for somebody to look at your pictures</Badge>
        </p>
      )}
      {found.state === CaseState.RESUBMISSION_REQUESTED && (
        <p class="note">New pictures are needed: {found.decisionReason}</p>
      )}
      {found.state !== CaseState.SUBMITTED && (
        <>
          <p class="quiet">
            JPEG, PNG or WebP; a large photo is made smaller before it is sent. Only the proctors of this session and
            administrators can look at your pictures, and every look is recorded.
          </p>
          <Picture found={found} kind={EvidenceKind.DOCUMENT} label="Photo of your identity document" sent={sent} />
          <Picture found={found} kind={EvidenceKind.SELFIE} label="Photo of yourself, now" sent={sent} capture="user" />
        </>
      )}
    </>
  );
}

interface PictureProps {
  found: Case;
  kind: EvidenceKind;
  label: string;
  sent: () => void;
  capture?: "user";
}

function Picture({ found, kind, label, sent, capture }: PictureProps): JSX.Element {
  const { busy, problem, run } = useAction();
  const there = found.evidence.includes(kind);
  const send = (event: Event): void => {
    const file = (event.currentTarget as HTMLInputElement).files?.[0];
    if (file === undefined) return;
    void run(async (requestId) => {
      const image = await prepareImage(file);
      await identity.submitEvidence(
        { requestId, caseId: found.caseId, kind, image },
        { timeoutMs: PICTURE_TIMEOUT_MS },
      );
      sent();
    }, `${file.name}/${file.lastModified}`);
  };
  // Choosing the same file again sends it again: a browser tells of a change only.
  const forget = (event: Event): void => {
    (event.currentTarget as HTMLInputElement).value = "";
  };
  return (
    <div class="picture">
      <label>
        {label} {there && <Badge tone="good">Sent</Badge>}
        <input
          type="file"
          accept="image/jpeg,image/png,image/webp"
          capture={capture}
          disabled={busy}
          onClick={forget}
          onChange={send}
        />
      </label>
      {busy && (
        <p class="quiet" role="status">
          Sending your picture…
        </p>
      )}
      <ProblemNote problem={problem?.reason === "TIMED_OUT" ? { ...problem, sentence: TOO_SLOW } : problem} />
    </div>
  );
}

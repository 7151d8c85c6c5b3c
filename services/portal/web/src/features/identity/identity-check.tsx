// The learner's side of the identity check: a photo of the document and a selfie. A case of the kind alternative needs
// no photos.
import type { JSX } from "preact";
import { useEffect, useRef } from "preact/hooks";
import { identity } from "../../api/client";
import { withSentence } from "../../api/errors";
import { INITIAL_BACKOFF_MS, nextBackoff, sleep } from "../../api/retry";
import { useAction } from "../../api/use-action";
import { useQuery } from "../../api/use-query";
import { Badge } from "../../components/badge";
import { HelpContact } from "../../components/help-contact";
import { Loading } from "../../components/loading";
import { ProblemNote } from "../../components/problem-note";
import { type Case, CaseKind, CaseState, EvidenceKind } from "../../gen/proctorium/identity/v1/verification_pb";
import { IdentityState } from "../../gen/proctorium/session/v1/lobby_pb";
import { messages } from "../../messages";
import { prepareImage } from "./image";

const text = messages.identity;

/**
 * The error until the case exists. The identity service creates the case when it receives the event about the learner
 * who joined, normally after a moment. If many learners join at once, events wait longer, so the backoff between the
 * calls grows.
 */
const NOT_YET = "NOT_FOUND";

/**
 * The time limit for sending a photo, which is equal to the edge's. A photo may have many megabytes, and the connection
 * may be slow.
 */
const PHOTO_TIMEOUT_MS = 60_000;

interface IdentityEvidenceProps {
  sessionId: string;
  state: IdentityState;
  /** The reason of the proctor who requested the first check; empty if the plan requires the check. */
  checkReason: string;
}

export function IdentityEvidence({ sessionId, state, checkReason }: IdentityEvidenceProps): JSX.Element {
  const { data, problem, reload } = useQuery(`${sessionId}/${state}`, () =>
    identity.getCase({ by: { case: "learner", value: { sessionId } } }),
  );
  const pause = useRef(INITIAL_BACKOFF_MS);
  const waits = state !== IdentityState.VERIFIED && data === undefined && problem?.reason === NOT_YET;
  // Each response is a new problem object. Because the effect depends on this object, the call is repeated once for
  // each response, regardless of how often the page is rendered.
  useEffect(() => {
    if (!waits) return;
    const unmount = new AbortController();
    void sleep(pause.current, unmount.signal).then(() => {
      if (unmount.signal.aborted) return;
      pause.current = nextBackoff(pause.current);
      reload();
    });
    return () => unmount.abort();
  }, [waits, problem]);
  if (state === IdentityState.VERIFIED) return <Badge tone="good">{text.verified}</Badge>;
  const found = data?.case;
  if (found === undefined) {
    if (problem === undefined || waits) return <Loading what={text.theCheck} />;
    return <ProblemNote problem={problem} />;
  }
  return <Evidence found={found} checkReason={checkReason} onSent={reload} />;
}

interface EvidenceProps {
  found: Case;
  checkReason: string;
  onSent: () => void;
}

function Evidence({ found, checkReason, onSent }: EvidenceProps): JSX.Element {
  const hasImages = found.kind !== CaseKind.ALTERNATIVE;
  if (found.state === CaseState.REJECTED) {
    const { decisionReason } = found;
    const nextSteps = hasImages ? [...text.rejectedNext, text.rejectedNextPhotos] : text.rejectedNext;
    return (
      <div class="note problem">
        <p>{hasImages ? text.rejected(decisionReason) : text.rejectedWithoutPhotos(decisionReason)}</p>
        <p>{text.rejectedNextTitle}</p>
        <ul>
          {nextSteps.map((step) => (
            <li key={step}>{step}</li>
          ))}
        </ul>
        <p>{text.rejectedMeaning}</p>
        <HelpContact />
      </div>
    );
  }
  if (found.state === CaseState.EXPIRED) return <p>{text.expired}</p>;
  if (!hasImages) return <WithoutPhotos found={found} checkReason={checkReason} />;
  return (
    <>
      {found.state === CaseState.SUBMITTED && (
        <p role="status">
          <Badge tone="wait">{text.sentWaiting}</Badge>
        </p>
      )}
      {found.state === CaseState.REQUESTED && checkReason && <p class="note">{text.checkRequested(checkReason)}</p>}
      {found.state === CaseState.RESUBMISSION_REQUESTED && (
        <p class="note">{text.newPhotosNeeded(found.decisionReason)}</p>
      )}
      {found.state !== CaseState.SUBMITTED && (
        <>
          <p class="quiet">{text.photoHint}</p>
          <PhotoField found={found} kind={EvidenceKind.DOCUMENT} label={text.documentPhoto} onSent={onSent} />
          <PhotoField
            found={found}
            kind={EvidenceKind.SELFIE}
            label={text.selfiePhoto}
            onSent={onSent}
            capture="user"
          />
        </>
      )}
    </>
  );
}

function WithoutPhotos({ found, checkReason }: Omit<EvidenceProps, "onSent">): JSX.Element {
  const note = found.decisionReason
    ? text.checkedAgain(found.decisionReason)
    : checkReason && text.checkRequested(checkReason);
  return (
    <>
      <p role="status">
        <Badge tone="wait">{text.withoutPhotos}</Badge>
      </p>
      <p>{text.withoutPhotosHint}</p>
      {note && <p class="note">{note}</p>}
    </>
  );
}

interface PhotoFieldProps {
  found: Case;
  kind: EvidenceKind;
  label: string;
  onSent: () => void;
  capture?: "user";
}

function PhotoField({ found, kind, label, onSent, capture }: PhotoFieldProps): JSX.Element {
  const { busy, problem, run } = useAction();
  const isSent = found.evidence.includes(kind);
  const send = (event: Event): void => {
    const file = (event.currentTarget as HTMLInputElement).files?.[0];
    if (file === undefined) return;
    void run(async (requestId) => {
      const image = await prepareImage(file);
      await identity.submitEvidence({ requestId, caseId: found.caseId, kind, image }, { timeoutMs: PHOTO_TIMEOUT_MS });
      onSent();
    }, `${file.name}/${file.lastModified}`);
  };
  // Browsers do not report that a person has chosen the same file again. Clear the field before each choice, so that
  // the same file can be sent again.
  const resetInput = (event: Event): void => {
    (event.currentTarget as HTMLInputElement).value = "";
  };
  return (
    <div class="photo-field">
      <label>
        {label} {isSent && <Badge tone="good">{text.sent}</Badge>}
        <input
          type="file"
          accept="image/jpeg,image/png,image/webp"
          capture={capture}
          disabled={busy}
          onClick={resetInput}
          onChange={send}
        />
      </label>
      {busy && (
        <p class="quiet" role="status">
          {text.sending}
        </p>
      )}
      <ProblemNote problem={problem?.reason === "TIMED_OUT" ? withSentence(problem, text.tooSlow) : problem} />
    </div>
  );
}

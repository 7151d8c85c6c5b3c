// The proctor's side of the identity check: document, selfie and registration side by side, and a decision with a reason.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { identity } from "../../api/client";
import { useAction } from "../../api/use-action";
import { useQuery } from "../../api/use-query";
import { ConfirmButton } from "../../components/confirm-button";
import { Loading } from "../../components/loading";
import { ProblemNote } from "../../components/problem-note";
import { type Case, Decision, EvidenceKind } from "../../gen/proctorium/identity/v1/verification_pb";

interface DecisionProps {
  sessionId: string;
  personId: string;
  name: string;
  /** Called when the case was decided while it was open: where the proctor goes on. */
  decided: () => void;
}

export function IdentityDecision({ sessionId, personId, name, decided }: DecisionProps): JSX.Element {
  const [open, setOpen] = useState(false);
  const dialog = useRef<HTMLDialogElement>(null);
  const latest = useRef({ open, decided });
  latest.current = { open, decided };
  // A decided case has no button to come back to, and the keyboard would begin at the top of the page again.
  useEffect(() => () => void (latest.current.open && latest.current.decided()), []);
  useEffect(() => {
    if (open) dialog.current?.showModal();
  }, [open]);
  return (
    <>
      <button type="button" onClick={() => setOpen(true)}>
        Check identity <span class="visually-hidden">of {name}</span>
      </button>
      {open && (
        <dialog ref={dialog} onClose={() => setOpen(false)} aria-label={`Identity of ${name}`}>
          <div class="row apart">
            <h2>Identity of {name}</h2>
            <button type="button" class="plain" onClick={() => dialog.current?.close()}>
              Close
            </button>
          </div>
          <SideBySide sessionId={sessionId} personId={personId} />
        </dialog>
      )}
    </>
  );
}

function SideBySide({ sessionId, personId }: Pick<DecisionProps, "sessionId" | "personId">): JSX.Element {
  const { data, problem } = useQuery(`${sessionId}/${personId}`, () =>
    identity.getCase({ by: { case: "learner", value: { sessionId, personId } } }),
  );
  const found = data?.case;
  if (found === undefined) return problem ? <ProblemNote problem={problem} /> : <Loading what="the case" />;
  return (
    <>
      <div class="side-by-side">
        <Picture found={found} kind={EvidenceKind.DOCUMENT} label="Identity document" />
        <Picture found={found} kind={EvidenceKind.SELFIE} label="Selfie" />
        <Registration found={found} />
      </div>
      <Decide found={found} />
    </>
  );
}

function Picture({ found, kind, label }: { found: Case; kind: EvidenceKind; label: string }): JSX.Element {
  const { data, problem } = useQuery(`${found.caseId}/${kind}`, async () => {
    const { image, mediaType } = await identity.getEvidence({ caseId: found.caseId, kind });
    return URL.createObjectURL(new Blob([image as Uint8Array<ArrayBuffer>], { type: mediaType }));
  });
  useEffect(() => () => data && URL.revokeObjectURL(data), [data]);
  return (
    <figure>
      <figcaption>{label}</figcaption>
      {data && <img src={data} alt={label} />}
      <ProblemNote problem={problem} />
    </figure>
  );
}

function Registration({ found }: { found: Case }): JSX.Element {
  const { data, problem } = useQuery(found.caseId, () => identity.getRegistration({ caseId: found.caseId }));
  return (
    <section>
      <h3>Registration</h3>
      <ProblemNote problem={problem} />
      {data && (
        <dl>
          <dt>Legal name</dt>
          <dd>{data.legalName}</dd>
          <dt>Date of birth</dt>
          <dd>{data.dateOfBirth || "Not known"}</dd>
        </dl>
      )}
    </section>
  );
}

function Decide({ found }: { found: Case }): JSX.Element {
  const { busy, problem, run } = useAction();
  const [reason, setReason] = useState("");
  const isBlank = reason.trim() === "";
  const decide = (decision: Decision): void =>
    void run(
      (requestId) => identity.decideCase({ requestId, caseId: found.caseId, decision, decisionReason: reason }),
      String(decision),
    );
  const askAgain = (): void =>
    void run((requestId) =>
      identity.requestResubmission({ requestId, caseId: found.caseId, resubmissionReason: reason }),
    );
  return (
    <>
      <label>
        Reason (the learner reads it; not needed to verify)
        <input value={reason} maxLength={1000} onInput={(event) => setReason(event.currentTarget.value)} />
      </label>
      <ProblemNote problem={problem} />
      <div class="row">
        <button type="button" disabled={busy} onClick={() => decide(Decision.VERIFY)}>
          Verify
        </button>
        <button type="button" class="plain" disabled={busy || isBlank} onClick={askAgain}>
          Ask for new pictures
        </button>
        <ConfirmButton
          label="Reject…"
          consequence="The assessment stays closed for this learner in this session. It cannot be taken back; asking for new pictures can be repeated."
          confirmLabel="Reject now"
          cancelLabel="Go on looking"
          busy={busy}
          disabled={isBlank}
          onConfirm={() => decide(Decision.REJECT)}
        />
      </div>
    </>
  );
}

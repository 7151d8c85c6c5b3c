// The proctor's side of the identity check. The page shows the document, the selfie and the registration data side by
// side, and the proctor decides with a reason. A case of the kind alternative has no images.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { identity } from "../../api/client";
import { useAction } from "../../api/use-action";
import { useQuery } from "../../api/use-query";
import { ConfirmButton } from "../../components/confirm-button";
import { Dialog } from "../../components/dialog";
import { Field } from "../../components/fields";
import { Loading } from "../../components/loading";
import { ProblemNote } from "../../components/problem-note";
import { type Case, CaseKind, Decision, EvidenceKind } from "../../gen/proctorium/identity/v1/verification_pb";
import { messages } from "../../messages";

const text = messages.identity;

interface DecisionProps {
  sessionId: string;
  personId: string;
  name: string;
}

export function IdentityDecision({ sessionId, personId, name }: DecisionProps): JSX.Element {
  const [open, setOpen] = useState(false);
  return (
    <>
      <button type="button" onClick={() => setOpen(true)}>
        {text.check} <span class="visually-hidden">{text.checkOf(name)}</span>
      </button>
      {open && (
        <Dialog title={text.identityOf(name)} isWide onClose={() => setOpen(false)}>
          <SideBySide sessionId={sessionId} personId={personId} />
        </Dialog>
      )}
    </>
  );
}

function SideBySide({ sessionId, personId }: Pick<DecisionProps, "sessionId" | "personId">): JSX.Element {
  const { data, problem } = useQuery(`${sessionId}/${personId}`, () =>
    identity.getCase({ by: { case: "learner", value: { sessionId, personId } } }),
  );
  const found = data?.case;
  if (found === undefined) return problem ? <ProblemNote problem={problem} /> : <Loading what={text.theCase} />;
  return (
    <>
      <div class="side-by-side">
        {found.kind === CaseKind.ALTERNATIVE ? (
          <section>
            <h3>{text.noPhotos}</h3>
            <p>{text.noPhotosHint}</p>
          </section>
        ) : (
          <>
            <EvidenceImage found={found} kind={EvidenceKind.DOCUMENT} label={text.document} />
            <EvidenceImage found={found} kind={EvidenceKind.SELFIE} label={text.selfie} />
          </>
        )}
        <Registration found={found} />
      </div>
      <Decide found={found} />
    </>
  );
}

function EvidenceImage({ found, kind, label }: { found: Case; kind: EvidenceKind; label: string }): JSX.Element {
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
      <h3>{text.registration}</h3>
      <ProblemNote problem={problem} />
      {data && (
        <dl>
          <dt>{text.legalName}</dt>
          <dd dir="auto">{data.legalName}</dd>
          <dt>{text.dateOfBirth}</dt>
          <dd>{data.dateOfBirth || text.unknown}</dd>
        </dl>
      )}
    </section>
  );
}

function Decide({ found }: { found: Case }): JSX.Element {
  const { busy, problem, run } = useAction();
  const [reason, setReason] = useState("");
  const isBlank = reason.trim() === "";
  const hasImages = found.kind !== CaseKind.ALTERNATIVE;
  const decide = (decision: Decision): void =>
    void run(
      (requestId) => identity.decideCase({ requestId, caseId: found.caseId, decision, decisionReason: reason }),
      String(decision),
    );
  const requestNewPhotos = (): void =>
    void run((requestId) =>
      identity.requestResubmission({ requestId, caseId: found.caseId, resubmissionReason: reason }),
    );
  return (
    <>
      <Field
        label={hasImages ? text.reason : text.reasonWithoutPhotos}
        value={reason}
        maxLength={1000}
        onInput={(event) => setReason(event.currentTarget.value)}
      />
      <ProblemNote problem={problem} />
      <div class="row">
        <button type="button" disabled={busy || (isBlank && !hasImages)} onClick={() => decide(Decision.VERIFY)}>
          {text.verify}
        </button>
        {hasImages && (
          <button type="button" class="plain" disabled={busy || isBlank} onClick={requestNewPhotos}>
            {text.requestNewPhotos}
          </button>
        )}
        <ConfirmButton
          label={text.reject}
          consequence={hasImages ? text.rejectConsequence : text.rejectConsequenceWithoutPhotos}
          confirmLabel={text.rejectConfirm}
          cancelLabel={text.rejectCancel}
          busy={busy}
          disabled={isBlank}
          onConfirm={() => decide(Decision.REJECT)}
        />
      </div>
    </>
  );
}

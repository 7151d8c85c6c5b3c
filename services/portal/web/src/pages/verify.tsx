// The public page behind the QR code of a certificate.
import type { JSX } from "preact";
import { certificates } from "../calls";
import { Badge, Busy, date, ProblemNote, useLoaded } from "../parts";

export function VerifyPage({ certificateId }: { certificateId: string }): JSX.Element {
  const { loaded, problem } = useLoaded(certificateId, () => certificates.verifyCertificate({ certificateId }));
  return (
    <section class="narrow">
      <h1 tabIndex={-1}>Certificate</h1>
      {loaded === undefined && problem === undefined && <Busy what="the certificate" />}
      {problem?.reason === "NOT_FOUND" || problem?.reason === "INVALID_REQUEST" ? (
        <p class="note problem" role="alert">
          No certificate with this number was issued.
        </p>
      ) : (
        <ProblemNote problem={problem} />
      )}
      {loaded && (
        <div class="card">
          <p>
            <Badge tone="good">Valid</Badge>
          </p>
          <dl>
            <dt>Holder</dt>
            <dd>{loaded.holderName}</dd>
            <dt>For</dt>
            <dd>{loaded.title}</dd>
            <dt>Issued</dt>
            <dd>{date(loaded.issueTime)}</dd>
            <dt>Number</dt>
            <dd class="code">{certificateId}</dd>
          </dl>
        </div>
      )}
    </section>
  );
}

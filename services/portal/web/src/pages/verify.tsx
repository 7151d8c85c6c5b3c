// The public page behind the QR code of a certificate.
import type { JSX } from "preact";
import { certificates } from "../calls";
import { Badge, Busy, ProblemNote, Title, useLoaded } from "../parts";
import { dateUtc } from "../words";

export function VerifyPage({ certificateId }: { certificateId: string }): JSX.Element {
  const { loaded, problem } = useLoaded(certificateId, () => certificates.verifyCertificate({ certificateId }));
  return (
    <section class="narrow">
      <Title>Certificate</Title>
      {loaded === undefined && problem === undefined && <Busy what="the certificate" />}
      {problem?.reason === "NOT_FOUND" || problem?.reason === "INVALID_REQUEST" ? (
        <p class="note problem" role="alert">
          No certificate with this number was issued. Compare the number with the one on the certificate.
        </p>
      ) : (
        <ProblemNote problem={problem} />
      )}
      {loaded && (
        <div class="card">
          <p class="row">
            <Badge tone="good">Valid</Badge>
            <span>This certificate was issued here and holds.</span>
          </p>
          <dl>
            <dt>Holder</dt>
            <dd>{loaded.holderName}</dd>
            <dt>For</dt>
            <dd>{loaded.title}</dd>
            <dt>Issued</dt>
            <dd>{dateUtc(loaded.issueTime)}</dd>
            <dt>Number</dt>
            <dd class="code">{certificateId}</dd>
          </dl>
        </div>
      )}
    </section>
  );
}

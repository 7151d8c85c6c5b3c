// The public page behind the QR code of a certificate.
import type { JSX } from "preact";
import { certificates } from "../../api/client";
import { useQuery } from "../../api/use-query";
import { Badge } from "../../components/badge";
import { Loading } from "../../components/loading";
import { PageTitle } from "../../components/page-title";
import { ProblemNote } from "../../components/problem-note";
import { dateUtc } from "../../messages/format";

export function CertificatePage({ certificateId }: { certificateId: string }): JSX.Element {
  const { data, problem } = useQuery(certificateId, () => certificates.verifyCertificate({ certificateId }));
  return (
    <section class="narrow">
      <PageTitle>Certificate</PageTitle>
      {data === undefined && problem === undefined && <Loading what="the certificate" />}
      {problem?.reason === "NOT_FOUND" || problem?.reason === "INVALID_REQUEST" ? (
        <p class="note problem" role="alert">
          No certificate with this number was issued. Compare the number with the one on the certificate.
        </p>
      ) : (
        <ProblemNote problem={problem} />
      )}
      {data && (
        <div class="card">
          <p class="row">
            <Badge tone="good">Valid</Badge>
            <span>This certificate was issued here and holds.</span>
          </p>
          <dl>
            <dt>Holder</dt>
            <dd>{data.holderName}</dd>
            <dt>For</dt>
            <dd>{data.title}</dd>
            <dt>Issued</dt>
            <dd>{dateUtc(data.issueTime)}</dd>
            <dt>Number</dt>
            <dd class="code">{certificateId}</dd>
          </dl>
        </div>
      )}
    </section>
  );
}

// The public page to which the QR code of a certificate links.
import type { JSX } from "preact";
import { certificates } from "../../api/client";
import { useQuery } from "../../api/use-query";
import { Badge } from "../../components/badge";
import { Loading } from "../../components/loading";
import { PageTitle } from "../../components/page-title";
import { ProblemNote } from "../../components/problem-note";
import { messages } from "../../messages";
import { dateUtc } from "../../messages/format";

const text = messages.results;

export function CertificatePage({ certificateId }: { certificateId: string }): JSX.Element {
  const { data, problem } = useQuery(certificateId, () => certificates.verifyCertificate({ certificateId }));
  return (
    <section class="narrow">
      <PageTitle>{text.certificate}</PageTitle>
      {data === undefined && problem === undefined && <Loading what={text.theCertificate} />}
      {problem?.reason === "NOT_FOUND" || problem?.reason === "INVALID_REQUEST" ? (
        <p class="note problem" role="alert">
          {text.notIssued}
        </p>
      ) : (
        <ProblemNote problem={problem} />
      )}
      {data && (
        <div class="card">
          <p class="row">
            <Badge tone="good">{text.valid}</Badge>
            <span>{text.validHint}</span>
          </p>
          <dl>
            <dt>{text.holder}</dt>
            <dd dir="auto">{data.holderName}</dd>
            <dt>{text.for}</dt>
            <dd dir="auto">{data.title}</dd>
            <dt>{text.issued}</dt>
            <dd>{dateUtc(data.issueTime)}</dd>
            <dt>{text.number}</dt>
            <dd class="code">{certificateId}</dd>
          </dl>
        </div>
      )}
    </section>
  );
}

// Results with feedback, certificates, transcript.
import type { JSX } from "preact";
import { certificates, results, transcripts } from "../../api/client";
import { retryUntilCreated } from "../../api/retry";
import { useAction } from "../../api/use-action";
import { useQuery } from "../../api/use-query";
import { Badge } from "../../components/badge";
import { Link } from "../../components/link";
import { Loading } from "../../components/loading";
import { PageTitle } from "../../components/page-title";
import { ProblemNote } from "../../components/problem-note";
import type { Answer, Item } from "../../gen/proctorium/assessment/v1/items_pb";
import type { Certificate, ItemResult, Result } from "../../gen/proctorium/assessment/v1/results_pb";
import { counted, date, dateUtc, outOf } from "../../messages/format";
import { LateAnswers, useLateQuestions } from "../exam/late-answers";
import { useCertificate } from "./transcript";

export function ResultsPage(): JSX.Element {
  const { data, problem } = useQuery("transcript", () => transcripts.getTranscript({}));
  return (
    <>
      <PageTitle>Your results</PageTitle>
      <ProblemNote problem={problem} />
      {data === undefined && problem === undefined && <Loading what="your results" />}
      {data?.certificates.map((certificate) => (
        <CertificateCard key={certificate.certificateId} certificate={certificate} />
      ))}
      {data?.entries.length === 0 && <p>You have no results yet.</p>}
      <ul class="cards">
        {data?.entries.map(({ result, courseTitle, hours }) => (
          <li key={result?.resultId} class="card">
            <h2>
              <Link to={`/results/${result?.attemptId}`}>{result?.title}</Link>
            </h2>
            {courseTitle && (
              <p>
                {courseTitle}, {counted(hours, "hour")}
              </p>
            )}
            <Verdict result={result} />
          </li>
        ))}
      </ul>
    </>
  );
}

function Verdict({ result }: { result: Result | undefined }): JSX.Element {
  return (
    <p class="row">
      {result?.passed ? <Badge tone="good">Passed</Badge> : <Badge tone="plain">Not passed</Badge>}
      <span>{result && outOf(result.points, result.pointsPossible)}</span>
      {(result?.version ?? 1) > 1 && <Badge tone="plain">Corrected</Badge>}
      <span class="quiet">{date(result?.releaseTime)}</span>
    </p>
  );
}

export function ResultPage({ attemptId }: { attemptId: string }): JSX.Element {
  const { data, problem, reload } = useQuery(attemptId, () => results.getResult({ attemptId }));
  const result = data?.result;
  const certificate = useCertificate(result?.passed ? attemptId : "");
  if (result === undefined) {
    return (
      <>
        <PageTitle>Result</PageTitle>
        {problem ? <ProblemNote problem={problem} /> : <Loading what="your result" />}
        {problem && (
          <button type="button" onClick={reload}>
            Look again
          </button>
        )}
      </>
    );
  }
  return (
    <>
      <PageTitle>{result.title}</PageTitle>
      <Verdict result={result} />
      {!result.passed && <p>This time the points were not enough for a pass.</p>}
      <Late attemptId={attemptId} />
      {certificate && <CertificateCard certificate={certificate} />}
      {result.sessionId && result.itemResults.length === 0 && (
        <p>Feedback on each question appears when the session has ended.</p>
      )}
      <ol class="questions">
        {result.itemResults.map((itemResult) => (
          <li key={itemResult.item?.itemId} class="card">
            <Feedback itemResult={itemResult} />
          </li>
        ))}
      </ol>
      <p class="quiet">
        Results are permanent. If you have a question about yours, or think that something is wrong, ask your
        administrator.
      </p>
    </>
  );
}

function Late({ attemptId }: { attemptId: string }): JSX.Element {
  return <LateAnswers numbers={useLateQuestions(attemptId, "")} />;
}

/** A certificate of a completed course: where to download it, and its public page. */
function CertificateCard({
  certificate: { certificateId, title, issueTime },
}: {
  certificate: Certificate;
}): JSX.Element {
  const { busy, problem, run } = useAction();
  const download = (): Promise<void> =>
    run(async () => {
      const { pdf, fileName } = await retryUntilCreated("CERTIFICATE_PENDING", () =>
        certificates.downloadCertificate({ certificateId }),
      );
      const address = URL.createObjectURL(new Blob([pdf as Uint8Array<ArrayBuffer>], { type: "application/pdf" }));
      const link = document.createElement("a");
      link.href = address;
      link.download = fileName;
      link.click();
      // The browser reads it after the click: it is let go when that is surely done.
      setTimeout(() => URL.revokeObjectURL(address), 60_000);
    });
  return (
    <section class="card">
      <h2>Certificate: {title}</h2>
      <p class="quiet">{issueTime ? `Issued on ${dateUtc(issueTime)}` : "It is being made."}</p>
      <p class="row">
        <button type="button" disabled={busy} onClick={() => void download()}>
          {busy ? "Loading…" : "Download certificate (PDF)"} <span class="visually-hidden">{title}</span>
        </button>
        {issueTime && (
          <Link to={`/certificates/${certificateId}`}>
            Public verification page <span class="visually-hidden">of {title}</span>
          </Link>
        )}
      </p>
      <ProblemNote problem={problem} />
    </section>
  );
}

function Feedback({ itemResult }: { itemResult: ItemResult }): JSX.Element {
  const { item, answer, points } = itemResult;
  return (
    <>
      <h2 class="question text">{item?.prompt}</h2>
      <p class="row">
        <Badge tone={points === item?.points ? "good" : points > 0 ? "wait" : "plain"}>
          {item && outOf(points, item.points)}
        </Badge>
      </p>
      <p class="text">{item && sayAnswer(item, answer)}</p>
      <p class="text">{item && points !== item.points && sayRight(item)}</p>
      {item?.feedback && <p class="note text">{item.feedback}</p>}
    </>
  );
}

function sayAnswer(item: Item, answer: Answer | undefined): string {
  const value = answer?.value;
  switch (value?.case) {
    case "chosen":
      return `Your answer: ${choiceTexts(item, value.value.choiceIds)}`;
    case "truth":
      return `Your answer: ${value.value ? "True" : "False"}`;
    case "number":
      return `Your answer: ${value.value}${unit(item)}`;
    default:
      return "You gave no answer.";
  }
}

/** What would have been right, where the server tells. */
function sayRight(item: Item): string | null {
  const kind = item.kind;
  switch (kind.case) {
    case "singleChoice":
      return kind.value.correctChoiceId && `Right answer: ${choiceTexts(item, [kind.value.correctChoiceId])}`;
    case "multipleChoice":
      return `Right answer: ${choiceTexts(item, kind.value.correctChoiceIds)}`;
    case "trueFalse":
      return kind.value.correct === undefined ? null : `Right answer: ${kind.value.correct ? "True" : "False"}`;
    case "numeric":
      return kind.value.correct === undefined ? null : `Right answer: ${kind.value.correct}${unit(item)}`;
    default:
      return null;
  }
}

function unit({ kind }: Item): string {
  return kind.case === "numeric" && kind.value.unit ? ` ${kind.value.unit}` : "";
}

function choiceTexts(item: Item, ids: readonly string[]): string {
  return ids.map((id) => choiceText(item, id)).join(", ") || "none of the choices";
}

function choiceText(item: Item, id: string): string {
  const kind = item.kind;
  if (kind.case !== "singleChoice" && kind.case !== "multipleChoice") return id;
  return kind.value.choices.find((choice) => choice.choiceId === id)?.text ?? id;
}

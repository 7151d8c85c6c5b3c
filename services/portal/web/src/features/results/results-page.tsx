// The pages with a learner's results, feedback, certificates and transcript.
import { Award } from "lucide";
import type { JSX } from "preact";
import { certificates, results, transcripts } from "../../api/client";
import { retryUntilCreated } from "../../api/retry";
import { useAction } from "../../api/use-action";
import { useQuery } from "../../api/use-query";
import { Badge } from "../../components/badge";
import { EmptyState } from "../../components/empty-state";
import { Link } from "../../components/link";
import { Loading } from "../../components/loading";
import { PageTitle } from "../../components/page-title";
import { ProblemNote } from "../../components/problem-note";
import { saveFile } from "../../components/save-file";
import type { Answer, Item } from "../../gen/proctorium/assessment/v1/items_pb";
import type { Certificate, ItemResult, Result } from "../../gen/proctorium/assessment/v1/results_pb";
import { messages } from "../../messages";
import { date, dateUtc } from "../../messages/format";
import { LateAnswers, useLateQuestions } from "../exam/late-answers";
import { useCertificate } from "./transcript";

const text = messages.results;

export function ResultsPage(): JSX.Element {
  const { data, problem } = useQuery("transcript", () => transcripts.getTranscript({}));
  return (
    <>
      <PageTitle>{text.title}</PageTitle>
      <ProblemNote problem={problem} />
      {data === undefined && problem === undefined && <Loading what={text.yourResults} />}
      {data?.certificates.map((certificate) => (
        <CertificateCard key={certificate.certificateId} certificate={certificate} />
      ))}
      {data?.entries.length === 0 && (
        <EmptyState icon={Award}>
          <p>{text.none}</p>
          <Link to="/courses" class="button">
            {messages.courses.yourCourses}
          </Link>
        </EmptyState>
      )}
      <ul class="cards">
        {data?.entries.map(({ result, courseTitle, hours }) => (
          <li key={result?.resultId} class="card">
            <h2>
              <Link to={`/results/${result?.attemptId}`}>
                <bdi>{result?.title}</bdi>
              </Link>
            </h2>
            {courseTitle && <p>{text.courseHours(courseTitle, messages.common.hours(hours))}</p>}
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
      {result?.passed ? <Badge tone="good">{text.passed}</Badge> : <Badge tone="plain">{text.notPassed}</Badge>}
      <span>{result && messages.common.pointsOf(result.points, result.pointsPossible)}</span>
      {(result?.version ?? 1) > 1 && <Badge tone="plain">{text.corrected}</Badge>}
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
        <PageTitle>{text.result}</PageTitle>
        {problem ? <ProblemNote problem={problem} /> : <Loading what={text.yourResult} />}
        {problem && (
          <button type="button" onClick={reload}>
            {text.tryAgain}
          </button>
        )}
      </>
    );
  }
  return (
    <>
      <PageTitle>
        <bdi>{result.title}</bdi>
      </PageTitle>
      <Verdict result={result} />
      {!result.passed && <p>{text.notEnoughPoints}</p>}
      <Late attemptId={attemptId} />
      {certificate && <CertificateCard certificate={certificate} />}
      <ol class="questions">
        {result.itemResults.map((itemResult) => (
          <li key={itemResult.item?.itemId} class="card">
            <Feedback itemResult={itemResult} />
          </li>
        ))}
      </ol>
      <p class="quiet">{text.permanent}</p>
    </>
  );
}

function Late({ attemptId }: { attemptId: string }): JSX.Element {
  return <LateAnswers numbers={useLateQuestions(attemptId, "")} />;
}

/** A certificate of a completed course, with the download and the link to its public page. */
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
      saveFile(pdf, "application/pdf", fileName);
    });
  return (
    <section class="card">
      <h2>{text.certificateOf(title)}</h2>
      <p class="quiet">{issueTime ? text.issuedOn(dateUtc(issueTime)) : text.beingCreated}</p>
      <p class="row">
        <button type="button" disabled={busy} onClick={() => void download()}>
          {busy ? text.downloading : text.download} <bdi class="visually-hidden">{title}</bdi>
        </button>
        {issueTime && (
          <Link to={`/certificates/${certificateId}`}>
            {text.verificationPage} <span class="visually-hidden">{text.of(title)}</span>
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
      <h2 class="question text" dir="auto">
        {item?.prompt}
      </h2>
      <p class="row">
        <Badge tone={points === item?.points ? "good" : points > 0 ? "wait" : "plain"}>
          {item && messages.common.pointsOf(points, item.points)}
        </Badge>
      </p>
      <p class="text">{item && answerText(item, answer)}</p>
      <p class="text">{item && points !== item.points && correctAnswerText(item)}</p>
      {item?.feedback && (
        <p class="note text" dir="auto">
          {item.feedback}
        </p>
      )}
    </>
  );
}

function answerText(item: Item, answer: Answer | undefined): string {
  const value = answer?.value;
  switch (value?.case) {
    case "chosen":
      return text.yourAnswer(choiceTexts(item, value.value.choiceIds));
    case "truth":
      return text.yourAnswer(value.value ? text.true : text.false);
    case "number":
      return text.yourAnswer(`${value.value}${unit(item)}`);
    default:
      return text.noAnswer;
  }
}

/** Return the correct answer as a text. The text is missing if the server does not return the correct answer. */
function correctAnswerText(item: Item): string | null {
  const kind = item.kind;
  switch (kind.case) {
    case "singleChoice":
      return kind.value.correctChoiceId && text.correctAnswer(choiceTexts(item, [kind.value.correctChoiceId]));
    case "multipleChoice":
      return text.correctAnswer(choiceTexts(item, kind.value.correctChoiceIds));
    case "trueFalse":
      return kind.value.correct === undefined ? null : text.correctAnswer(kind.value.correct ? text.true : text.false);
    case "numeric":
      return kind.value.correct === undefined ? null : text.correctAnswer(`${kind.value.correct}${unit(item)}`);
    default:
      return null;
  }
}

function unit({ kind }: Item): string {
  return kind.case === "numeric" && kind.value.unit ? ` ${kind.value.unit}` : "";
}

function choiceTexts(item: Item, ids: readonly string[]): string {
  return ids.map((id) => choiceText(item, id)).join(", ") || text.noChoice;
}

function choiceText(item: Item, id: string): string {
  const kind = item.kind;
  if (kind.case !== "singleChoice" && kind.case !== "multipleChoice") return id;
  return kind.value.choices.find((choice) => choice.choiceId === id)?.text ?? id;
}

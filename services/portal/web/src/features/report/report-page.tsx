// The report of a session for its proctors and administrators, with its downloads. The page can also be printed.
import { Download } from "lucide";
import type { ComponentChildren, JSX } from "preact";
import { incidents, reports } from "../../api/client";
import { useAction } from "../../api/use-action";
import { useQuery } from "../../api/use-query";
import { Icon } from "../../components/icon";
import { Link } from "../../components/link";
import { Loading } from "../../components/loading";
import { PageTitle } from "../../components/page-title";
import { ProblemNote } from "../../components/problem-note";
import { saveFile } from "../../components/save-file";
import { ReportFormat, type SessionReport } from "../../gen/proctorium/session/v1/reports_pb";
import { messages } from "../../messages";
import { number, timeWithSeconds } from "../../messages/format";
import { language } from "../../messages/language";
import { ReportIncidents } from "./report-incidents";
import { ReportLearners } from "./report-learners";
import { incidentTexts, leadChangeText, periodText, personName } from "./report-texts";

const text = messages.report;

export function ReportPage({ sessionId }: { sessionId: string }): JSX.Element {
  const { data, problem } = useQuery(sessionId, async () => {
    const [{ report }, { categories }] = await Promise.all([
      reports.getSessionReport({ sessionId }),
      incidents.listIncidentCategories({}),
    ]);
    return { report, categories };
  });
  const report = data?.report;
  return (
    <>
      <PageTitle>{report ? <bdi>{text.titleOf(report.title)}</bdi> : text.title}</PageTitle>
      <p class="not-printed">
        <Link to={`/supervise/${sessionId}`}>{text.toSession}</Link>
      </p>
      <ProblemNote problem={problem} />
      {data === undefined && problem === undefined && <Loading what={text.loading} />}
      {report && (
        <>
          {report.preliminary && <p class="note">{text.preliminary}</p>}
          {!report.resultsAvailable && <p class="note">{text.noResults}</p>}
          <Downloads sessionId={sessionId} />
          <Summary report={report} />
          <ReportLearners report={report} />
          <ReportIncidents report={report} categories={data?.categories ?? []} />
          <p class="quiet">{text.created(timeWithSeconds(report.createTime))}</p>
        </>
      )}
    </>
  );
}

function Downloads({ sessionId }: { sessionId: string }): JSX.Element {
  const { busy, problem, run } = useAction();
  const download = (format: ReportFormat): Promise<void> =>
    run(async () => {
      const { timeZone } = Intl.DateTimeFormat().resolvedOptions();
      const file = await reports.exportSessionReport({ sessionId, format, locale: language, timeZone });
      saveFile(file.content, file.mediaType, file.fileName);
    });
  return (
    <div class="not-printed">
      <p class="row">
        <button type="button" disabled={busy} onClick={() => void download(ReportFormat.PDF)}>
          <Icon of={Download} />
          {text.downloadPdf}
        </button>
        <button type="button" class="plain" disabled={busy} onClick={() => void download(ReportFormat.CSV)}>
          <Icon of={Download} />
          {text.downloadCsv}
        </button>
      </p>
      <ProblemNote problem={problem} />
    </div>
  );
}

function Summary({ report }: { report: SessionReport }): JSX.Element {
  const { planned, actual, startedBy, endedBy } = report;
  return (
    <section class="card" aria-label={text.summary}>
      <h2>{text.summary}</h2>
      <dl>
        <Fact name={text.course} values={[report.courseTitle]} />
        <Fact name={text.planned} values={planned ? [periodText(planned)] : []} />
        <Fact name={text.actual} values={actual ? [periodText(actual)] : []} />
        <Fact name={text.startedBy} values={startedBy ? [personName(startedBy)] : []} />
        <Fact name={text.endedBy} values={endedBy ? [personName(endedBy)] : []} />
        <Fact name={text.proctors} values={report.proctors.map(personName)} />
        <Fact name={text.leadChanges} values={report.leadChanges.map(leadChangeText)} />
        <Fact name={text.sessionPauses} values={report.pauses.map(periodText)} />
        <Fact name={text.uncovered} values={report.uncoveredPeriods.map(periodText)} />
        <Fact name={text.announcements} values={[number(report.announcementCount)]} />
        <Fact name={text.sessionIncidents} values={incidentTexts(report.sessionIncidents)} />
      </dl>
    </section>
  );
}

/** A name and its values. A fact without values is not shown. */
function Fact({ name, values }: { name: ComponentChildren; values: readonly string[] }): JSX.Element | null {
  const shown = values.filter((value) => value !== "");
  if (shown.length === 0) return null;
  return (
    <>
      <dt>{name}</dt>
      {shown.map((value) => (
        <dd key={value} dir="auto">
          {value}
        </dd>
      ))}
    </>
  );
}

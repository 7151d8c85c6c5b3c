// The learners of a session report: attendance, times, interruptions, contact and attempts.
import { Users } from "lucide";
import type { JSX } from "preact";
import { EmptyState } from "../../components/empty-state";
import { Table, type TableColumn } from "../../components/table";
import type { LearnerReport, SessionReport } from "../../gen/proctorium/session/v1/reports_pb";
import { messages } from "../../messages";
import { attemptTexts, contactTexts, interruptionTexts, learnerName, stateText, timeTexts } from "./report-texts";

const text = messages.report;

export function ReportLearners({ report }: { report: SessionReport }): JSX.Element {
  const title = text.learners(report.learners.length);
  return (
    <section aria-label={title} class="stacking">
      <h2>{title}</h2>
      {report.learners.length === 0 ? (
        <EmptyState icon={Users}>
          <p>{text.noLearners}</p>
        </EmptyState>
      ) : (
        <Table
          caption={title}
          columns={columnsOf(report)}
          rows={report.learners}
          keyOf={({ learner }) => learner?.personId}
        />
      )}
    </section>
  );
}

function columnsOf(report: SessionReport): TableColumn<LearnerReport>[] {
  const { name, state, times, interruptions, contact, attempts } = text.columns;
  return [
    { title: name, isHeader: true, cell: (learner) => <bdi>{learnerName(learner)}</bdi> },
    {
      title: state,
      cell: (learner) => (
        <>
          {stateText(learner)}
          {learner.removalReason && <p dir="auto">{learner.removalReason}</p>}
        </>
      ),
    },
    { title: times, cell: (learner) => <Lines lines={timeTexts(learner)} /> },
    { title: interruptions, cell: (learner) => <Lines lines={interruptionTexts(learner)} /> },
    { title: contact, cell: (learner) => <Lines lines={contactTexts(learner)} /> },
    {
      title: attempts,
      cell: (learner) =>
        learner.attempts.map((attempt) => (
          <div key={attempt.assessmentId}>
            <strong dir="auto">{titleOf(report, attempt.assessmentId)}</strong>
            <Lines lines={attemptTexts(attempt)} />
          </div>
        )),
    },
  ];
}

function Lines({ lines }: { lines: readonly string[] }): JSX.Element {
  return (
    <>
      {lines.map((line) => (
        <div key={line}>{line}</div>
      ))}
    </>
  );
}

function titleOf({ assessments }: SessionReport, assessmentId: string): string {
  return assessments.find((one) => one.assessmentId === assessmentId)?.title || text.assessment;
}

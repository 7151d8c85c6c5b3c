// The learners of a session report: attendance, times, interruptions, contact and attempts.
import type { ComponentChildren, JSX } from "preact";
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
        <p>{text.noLearners}</p>
      ) : (
        <table class="stacks" role="table">
          <caption class="visually-hidden">{title}</caption>
          <thead role="rowgroup">
            <tr role="row">
              {Object.values(text.columns).map((head) => (
                <th key={head} scope="col" role="columnheader">
                  {head}
                </th>
              ))}
            </tr>
          </thead>
          <tbody role="rowgroup">
            {report.learners.map((learner) => (
              <Row key={learner.learner?.personId} learner={learner} report={report} />
            ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function Row({ learner, report }: { learner: LearnerReport; report: SessionReport }): JSX.Element {
  return (
    <tr role="row">
      <th scope="row" role="rowheader" dir="auto">
        {learnerName(learner)}
      </th>
      <Cell label={text.columns.state}>
        {stateText(learner)}
        {learner.removalReason && <p dir="auto">{learner.removalReason}</p>}
      </Cell>
      <Cell label={text.columns.times}>
        <Lines lines={timeTexts(learner)} />
      </Cell>
      <Cell label={text.columns.interruptions}>
        <Lines lines={interruptionTexts(learner)} />
      </Cell>
      <Cell label={text.columns.contact}>
        <Lines lines={contactTexts(learner)} />
      </Cell>
      <Cell label={text.columns.attempts}>
        {learner.attempts.map((attempt) => (
          <div key={attempt.assessmentId}>
            <strong dir="auto">{titleOf(report, attempt.assessmentId)}</strong>
            <Lines lines={attemptTexts(attempt)} />
          </div>
        ))}
      </Cell>
    </tr>
  );
}

function Cell({ label, children }: { label: string; children: ComponentChildren }): JSX.Element {
  return (
    <td role="cell" data-label={label}>
      <div>{children}</div>
    </td>
  );
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

import { create } from "@bufbuild/protobuf";
import { timestampFromMs } from "@bufbuild/protobuf/wkt";
import { expect, test } from "vitest";
import { SubmitCause } from "../../gen/proctorium/assessment/v1/attempts_pb";
import { AssessmentProgressState, ParticipantState } from "../../gen/proctorium/session/v1/lobby_pb";
import {
  AttemptReportSchema,
  LearnerReportSchema,
  ReportPeriodSchema,
} from "../../gen/proctorium/session/v1/reports_pb";
import {
  attemptTexts,
  contactTexts,
  interruptionTexts,
  learnerName,
  periodText,
  personName,
  stateText,
  timeTexts,
} from "./report-texts";

const noon = timestampFromMs(Date.UTC(2027, 2, 1, 12));

test("what did not happen is omitted", () => {
  const absent = create(LearnerReportSchema, { outages: { count: 0 }, pauses: { count: 0 }, incidents: {} });
  for (const texts of [timeTexts, interruptionTexts, contactTexts]) expect(texts(absent)).toEqual([]);
  expect(stateText(absent)).toBe("Not here yet");
});

test("interruptions have their number and their total", () => {
  const learner = create(LearnerReportSchema, {
    outages: { count: 1, total: { seconds: 45n } },
    admittedReturnCount: 2,
    deniedReturnCount: 1,
    pauses: { count: 2, total: { seconds: 900n } },
    ownPauseCount: 1,
    breaks: { count: 2, total: { seconds: 540n } },
    breakOverrunCount: 1,
    changesDuringStops: 3,
    extraTime: { seconds: 300n },
  });
  expect(interruptionTexts(learner)).toEqual([
    "1 connection outage: 45 seconds",
    "2 returns admitted",
    "1 return denied",
    "2 pauses: 15 minutes",
    "1 pause of this learner only",
    "2 breaks: 9 minutes",
    "Late from 1 break",
    "3 changes of answers during pauses, breaks, removals or waits to be let back in",
    "Extra time: 5 minutes",
  ]);
});

test("a readmitted learner has removals and the time in the session without them", () => {
  const inSession = { startTime: noon, endTime: timestampFromMs(Date.UTC(2027, 2, 1, 13)) };
  const removal = {
    startTime: timestampFromMs(Date.UTC(2027, 2, 1, 12, 20)),
    endTime: timestampFromMs(Date.UTC(2027, 2, 1, 12, 30)),
  };
  const timeInSession = { seconds: 3000n };
  const learner = create(LearnerReportSchema, { inSession, removals: [removal], timeInSession });
  const [period, outside, time] = timeTexts(learner);
  expect(period).toMatch(/^In the session: .*12:00.* – .*1:00/);
  expect(outside).toMatch(/^Removed: .*12:20.* – .*12:30/);
  expect(time).toBe("Time in the session: 50 minutes");
  expect(timeTexts(create(LearnerReportSchema, { inSession, timeInSession }))).toHaveLength(1);
});

test("contact is counted", () => {
  const incidents = { seriousCount: 1, noteCount: 2 };
  const learner = create(LearnerReportSchema, { handCount: 1, messageCount: 3, incidents });
  expect(contactTexts(learner)).toEqual(["1 raised hand", "3 messages", "1 serious incident", "2 incident notes"]);
});

test("an attempt shows its result only if there is one", () => {
  const attempt = create(AttemptReportSchema, {
    state: AssessmentProgressState.SUBMITTED,
    startTime: noon,
    submitTime: noon,
    submitCause: SubmitCause.TIME_LIMIT_EXCEEDED,
    answeredCount: 7,
    itemCount: 10,
  });
  const shown = attemptTexts(attempt);
  expect(shown).toContain("7 of 10 questions answered");
  expect(shown).toContain("Submitted when the time was over");
  expect(shown.join()).not.toContain("points");
  const released = create(AttemptReportSchema, { result: { points: 7.999, pointsPossible: 10, passed: false } });
  expect(attemptTexts(released)).toEqual(["7.99 of 10 points", "Not passed"]);
});

test("times have their offset, and an open period lasts until now", () => {
  const period = periodText(create(ReportPeriodSchema, { startTime: noon }));
  expect(period).toMatch(/(UTC|GMT).* – now$/);
});

test("a person without a name is an administrator, a learner without a name has an ID", () => {
  expect(personName(undefined)).toBe("an administrator");
  expect(learnerName(create(LearnerReportSchema, { learner: { personId: "7" } }))).toBe("7");
  expect(stateText(create(LearnerReportSchema, { state: ParticipantState.REMOVED }))).toBe("Removed");
});

import { create } from "@bufbuild/protobuf";
import { expect, test } from "vitest";
import { CourseProgressSchema, type Participant, ParticipantSchema } from "../../gen/proctorium/session/v1/lobby_pb";
import { byFinishedUnits, courseProgressText } from "./course-progress";

function participant(personId: string, finishedUnitCount: number): Participant {
  return create(ParticipantSchema, { personId, courseProgress: { finishedUnitCount, unitCount: 8 } });
}

test.each([
  [0, 8, "0 of 8 steps done"],
  [3, 8, "3 of 8 steps done"],
  [1, 1, "1 of 1 step done"],
])("%i of %i steps are shown in words", (finishedUnitCount, unitCount, shown) => {
  expect(courseProgressText(create(CourseProgressSchema, { finishedUnitCount, unitCount }))).toBe(shown);
});

test("learners are sorted by their finished steps, those who have not joined first", () => {
  const learners = [participant("Mei", 3), participant("Ada", 0), participant("Lena", 1)];
  expect(learners.sort(byFinishedUnits).map(({ personId }) => personId)).toEqual(["Ada", "Lena", "Mei"]);
  expect(byFinishedUnits(undefined, participant("Ada", 0))).toBeLessThan(0);
  expect(byFinishedUnits(participant("Ada", 0), undefined)).toBeGreaterThan(0);
});

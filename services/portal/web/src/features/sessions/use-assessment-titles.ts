// Distinct titles for the assessments of a session.
import { courses } from "../../api/client";
import { useQuery } from "../../api/use-query";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";

const text = messages.sessions;

/**
 * Return a function from the ID of an assessment to its title in the course's outline. Titles that are unknown or equal
 * are numbered.
 */
export function useAssessmentTitles({ plan }: Session): (assessmentId: string) => string {
  const courseId = plan?.courseId ?? "";
  const { data } = useQuery(courseId, async () => (await courses.getCourse({ courseId })).course?.units);
  const ids = plan?.assessmentIds ?? [];
  const titles = ids.map((id) => data?.find((unit) => unit.assessmentId === id)?.title ?? text.assessment);
  const isAmbiguous = (title: string): boolean => titles.filter((other) => other === title).length > 1;
  const named = new Map(
    ids.map((id, index) => [
      id,
      isAmbiguous(titles[index] ?? "") ? text.numbered(titles[index] ?? "", index + 1) : (titles[index] ?? ""),
    ]),
  );
  return (assessmentId) => named.get(assessmentId) ?? text.assessment;
}

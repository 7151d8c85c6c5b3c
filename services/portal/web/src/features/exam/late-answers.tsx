// Lists the answers that came too late to count, so that the learner does not have to wonder where they are.
import type { JSX } from "preact";
import { attempts } from "../../api/client";
import { useQuery } from "../../api/use-query";

/** Load the numbers of the questions with late answers, again whenever `revision` is another one. */
export function useLateQuestions(attemptId: string, revision: string): readonly number[] {
  const { data } = useQuery(`late/${attemptId}/${revision}`, () => attempts.getAttempt({ attemptId }));
  return data?.attempt?.lateQuestionNumbers ?? [];
}

export function LateAnswers({ numbers }: { numbers: readonly number[] }): JSX.Element | null {
  if (numbers.length === 0) return null;
  const one = numbers.length === 1;
  return (
    <p class="note" role="status">
      Your {one ? "answer to question" : "answers to questions"} {listed(numbers)} arrived after the end.{" "}
      {one ? "It is" : "They are"} stored and marked as late, and {one ? "does" : "do"} not count. If that was not your
      doing, tell your proctor or your administrator.
    </p>
  );
}

/** "2", "2 and 3", "2, 3 and 5". */
function listed(numbers: readonly number[]): string {
  return new Intl.ListFormat("en-GB").format(numbers.map(String));
}

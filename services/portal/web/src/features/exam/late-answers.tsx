// The note about answers that arrived after the deadline and do not count.
import type { JSX } from "preact";
import { attempts } from "../../api/client";
import { useQuery } from "../../api/use-query";
import { messages } from "../../messages";

/** Return the numbers of the questions with late answers. They are loaded again when `revision` changes. */
export function useLateQuestions(attemptId: string, revision: string): readonly number[] {
  const { data } = useQuery(`late/${attemptId}/${revision}`, () => attempts.getAttempt({ attemptId }));
  return data?.attempt?.lateItemNumbers ?? [];
}

export function LateAnswers({ numbers }: { numbers: readonly number[] }): JSX.Element | null {
  if (numbers.length === 0) return null;

  return (
    <p class="note" role="status">
      {messages.exam.lateAnswers(numbers)}
    </p>
  );
}

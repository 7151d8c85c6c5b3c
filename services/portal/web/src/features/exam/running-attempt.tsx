// An attempt in progress. While the questions are hidden, the page contains no questions, neither in memory nor in the
// offline copy.
import type { JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { attempts } from "../../api/client";
import type { Problem } from "../../api/errors";
import { useQuery } from "../../api/use-query";
import { Loading } from "../../components/loading";
import { PageTitle } from "../../components/page-title";
import { ProblemNote } from "../../components/problem-note";
import type { Attempt } from "../../gen/proctorium/assessment/v1/attempts_pb";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import { messages } from "../../messages";
import type { AttemptBreak } from "../breaks/breaks";
import type { AttemptSnapshot } from "./clock";
import { ExamRoom } from "./exam-room";
import { type AttemptPause, hasQuestions, withoutQuestions } from "./pause";

export interface RunningAttemptProps {
  shown: AttemptSnapshot;
  pause: AttemptPause | undefined;
  ownBreak: AttemptBreak | undefined;
  /** What the learner sees during a break. */
  breakScreen: JSX.Element | undefined;
  participant: Participant | undefined;
  connected: boolean;
  /** The error after which the stream of the attempt is not opened again. */
  problem: Problem | undefined;
  reopen: () => void;
}

interface AttemptProps extends RunningAttemptProps {
  /** The attempt with its questions, if this page has started or stored it. */
  initial: Attempt | undefined;
  /** Removes the other copies of the questions, such as the offline copy. */
  onHidden: () => void;
}

export function RunningAttempt({ initial, onHidden, ...room }: AttemptProps): JSX.Element {
  const { attemptId, title } = room.shown.attempt;
  const [attempt, setAttempt] = useState(initial);
  const isHidden = (room.pause !== undefined && !room.pause.showsQuestions) || room.ownBreak !== undefined;
  const isLoaded = attempt !== undefined && (isHidden || hasQuestions(attempt));
  const { problem } = useQuery(`${attemptId}/${isLoaded}`, async () => {
    if (!isLoaded) setAttempt((await attempts.getAttempt({ attemptId })).attempt);
  });
  useEffect(() => {
    if (!isHidden) return;
    if (attempt !== undefined && hasQuestions(attempt)) setAttempt(withoutQuestions(attempt));
    onHidden();
  }, [isHidden, attempt]);
  if (attempt === undefined) {
    return (
      <section class="narrow">
        <PageTitle>{title}</PageTitle>
        <ProblemNote problem={room.problem ?? problem} />
        <Loading what={messages.exam.yourQuestions} />
      </section>
    );
  }
  return <ExamRoom {...room} attempt={attempt} problem={room.problem ?? problem} />;
}

// Entering of an attempt: the page that has entered it last is the writer.
import { useEffect, useRef, useState } from "preact/hooks";
import { newId } from "../../api/ids";
import { type Action, useAction } from "../../api/use-action";
import type { Attempt } from "../../gen/proctorium/assessment/v1/attempts_pb";
import { storedEpoch } from "../../offline/writer";
import type { AnswerSaver } from "./answer-saver";

/** The delay before a failed call is repeated. */
const RETRY_MS = 2000;

/** Return whether another page of the learner has entered the attempt after this page. */
function isOlderThan(saver: AnswerSaver, { writerEpoch }: Attempt): boolean {
  const own = saver.epoch.value;
  return own !== undefined && writerEpoch > own;
}

/**
 * Enter the attempt once the page is connected, unless the page has entered it already. Return the action with which the
 * learner takes over again.
 */
export function useWriter(
  saver: AnswerSaver,
  attempt: Attempt,
  connected: boolean,
): Action & { isOlder: boolean; isEntering: boolean; takeOver: () => Promise<void> } {
  const action = useAction();
  const newestEpoch = useRef(attempt.writerEpoch);
  newestEpoch.current = attempt.writerEpoch;
  // The stream can show the epoch of this page before the call returns it. While the call runs, a higher epoch therefore
  // does not mean that another page has entered.
  const [epochBeforeCall, setEpochBeforeCall] = useState<bigint | undefined>(undefined);
  useEffect(() => {
    if (!connected || saver.epoch.peek() !== undefined) return;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const enter = (): void => {
      setEpochBeforeCall(newestEpoch.current);
      saver.enter(newId()).catch(() => {
        setEpochBeforeCall(undefined);
        timer = setTimeout(enter, RETRY_MS);
      });
    };
    enter();
    return () => clearTimeout(timer);
  }, [saver, connected]);
  // Until this page has entered, its changes would not replace the answers of another device.
  const isEntering =
    saver.epoch.value === undefined && (epochBeforeCall ?? attempt.writerEpoch) > storedEpoch(attempt.attemptId);
  const isOlder = isOlderThan(saver, attempt);
  // A page that is no longer the writer shows the answers of the newer page once its own changes are saved.
  useEffect(() => {
    if (!isOlder) return;
    return saver.status.subscribe((status) => {
      if (status === "saved") void saver.loadNewerAnswers();
    });
  }, [saver, isOlder]);
  const takeOver = (): Promise<void> =>
    action.run(async (requestId) => {
      await saver.enter(requestId);
      await saver.loadNewerAnswers();
    });
  return { ...action, isOlder, isEntering, takeOver };
}

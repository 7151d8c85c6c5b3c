// A hook for calls that change data when a person presses a button.
import { useRef, useState } from "preact/hooks";
import { messages } from "../messages";
import { isUnreachable, type Problem, toProblem, withSentence } from "./errors";
import { newId } from "./ids";

export interface Action {
  busy: boolean;
  problem: Problem | undefined;
  /** The text that the last successful action returned. The next action clears this text and the problem. */
  done: string;
  /**
   * Run an action with a request ID. If the action returns a text, the text becomes `done`. If the same button can send
   * different requests, `subject` distinguishes them, so that each has a separate request ID.
   */
  run: (action: (requestId: string) => Promise<unknown>, subject?: string) => Promise<void>;
}

/**
 * Run one action at a time. If the server was unreachable, the next try has the same request ID, so that the server
 * does not perform the action twice.
 */
export function useAction(): Action {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | undefined>(undefined);
  const [done, setDone] = useState("");
  const requestIds = useRef(new Map<string, string>());
  const run: Action["run"] = async (action, subject = "") => {
    if (busy) return;
    const requestId = requestIds.current.get(subject) ?? newId();
    requestIds.current.set(subject, requestId);
    setBusy(true);
    setProblem(undefined);
    setDone("");
    try {
      const result = await action(requestId);
      if (typeof result === "string") setDone(result);
      requestIds.current.delete(subject);
    } catch (thrown) {
      if (!isUnreachable(thrown)) requestIds.current.delete(subject);
      const found = toProblem(thrown);
      setProblem(found.reason === "REQUEST_ID_REUSED" ? withSentence(found, messages.common.arrivedBefore) : found);
    } finally {
      setBusy(false);
    }
  };
  return { busy, problem, done, run };
}

// The answer savers of this document, one for each attempt. They live as long as the document, so that leaving the exam room leaves nothing
// unsent.
import { compactOthers, pendingAttempts } from "../../offline/answer-journal";
import { me } from "../account/current-user";
import { AnswerSaver } from "./answer-saver";

const savers = new Map<string, AnswerSaver>();

/** Return the answer saver of an attempt of the person who is signed in. */
export function answerSaver(attemptId: string, lastSequence: bigint): AnswerSaver {
  const personId = me.peek()?.personId ?? "";
  const key = `${personId}.${attemptId}`;
  const saver = savers.get(key) ?? new AnswerSaver(personId, attemptId);
  savers.set(key, saver);
  saver.resume(lastSequence);
  return saver;
}

/** Send the pending changes of this person on this device, of any attempt: an earlier visit may have ended without a connection. */
export function sendPendingChanges(personId: string): void {
  compactOthers(personId);
  for (const attemptId of pendingAttempts(personId)) answerSaver(attemptId, 0n);
}

// The answer savers, one for each attempt. An answer saver exists until the document is closed, so that pending changes
// are sent even after the learner has left the exam room.
import { compactOthers, pendingAttempts } from "../../offline/answer-journal";
import { me } from "../account/current-user";
import { AnswerSaver } from "./answer-saver";

const savers = new Map<string, AnswerSaver>();

/** Return the answer saver of an attempt of the signed-in person. */
export function answerSaver(attemptId: string, lastSequence: bigint): AnswerSaver {
  const personId = me.peek()?.personId ?? "";
  const key = `${personId}.${attemptId}`;
  const saver = savers.get(key) ?? new AnswerSaver(personId, attemptId);
  savers.set(key, saver);
  saver.resume(lastSequence);
  return saver;
}

/** Send the person's pending changes to any attempt, because an earlier visit may have ended without a connection. */
export function sendPendingChanges(personId: string): void {
  compactOthers(personId);
  for (const attemptId of pendingAttempts(personId)) answerSaver(attemptId, 0n);
}

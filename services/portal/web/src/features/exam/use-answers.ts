// Hooks that create the answer fields of the exam room, save the answers, and load newer answers from other devices and
// tabs.
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { Attempt } from "../../gen/proctorium/assessment/v1/attempts_pb";
import { storeOffline } from "../../offline/attempt-cache";
import { me, unconfirmed } from "../account/current-user";
import type { AnswerSaver } from "./answer-saver";
import { answerSaver } from "./answer-savers";
import { AnswerSheet } from "./answer-sheet";
import { hasQuestions } from "./pause";

/**
 * Return the attempt's answer saver and answer sheet. Newer answers from other devices and tabs appear in the sheet.
 */
export function useAnswers(attempt: Attempt): { saver: AnswerSaver; sheet: AnswerSheet } {
  const created = useMemo(() => {
    const saver = answerSaver(attempt.attemptId, attempt.lastSequence);
    return { saver, sheet: new AnswerSheet(attempt, saver) };
  }, [attempt.attemptId]);
  useEffect(() => created.saver.superseded.subscribe((newer) => created.sheet.adopt(newer.values())), [created]);
  // If the attempt was loaded again, other devices may have saved answers that the answer sheet does not have.
  const noted = useRef<AnswerSaver | undefined>(undefined);
  useEffect(() => {
    if (noted.current === created.saver) void created.saver.loadNewerAnswers();
    else created.saver.noteAttempt(attempt);
    noted.current = created.saver;
  }, [created, attempt]);
  useNewerAnswers(created.saver);
  useOfflineCopy(attempt, created.saver);
  return created;
}

/** Load answers that other devices have saved, whenever the person returns to this page. */
function useNewerAnswers(saver: AnswerSaver): void {
  useEffect(() => {
    const load = (): void => {
      if (document.visibilityState === "visible") void saver.loadNewerAnswers();
    };
    document.addEventListener("visibilitychange", load);
    addEventListener("focus", load);
    return () => {
      document.removeEventListener("visibilitychange", load);
      removeEventListener("focus", load);
    };
  }, [saver]);
}

/** The delay before the attempt is stored again, so that it is not stored after each keystroke. */
const STORE_DELAY_MS = 300;

/**
 * Store the running attempt with its saved answers on this device, so that the attempt can be shown after a reload
 * without a connection.
 */
function useOfflineCopy(attempt: Attempt, saver: AnswerSaver): void {
  useEffect(() => {
    let timer: ReturnType<typeof setTimeout> | undefined;
    const store = (): void => {
      const person = me.peek();
      if (person && !unconfirmed.peek()) void storeOffline(person, saver.withSavedAnswers(attempt));
    };
    // During a pause, the stored copy is replaced at once, because it must not contain the questions.
    if (!hasQuestions(attempt)) store();
    const unsubscribe = saver.status.subscribe((status) => {
      clearTimeout(timer);
      if (status === "saved") timer = setTimeout(store, STORE_DELAY_MS);
    });
    return () => {
      clearTimeout(timer);
      unsubscribe();
    };
  }, [attempt, saver]);
}

// The pause of the whole session, and extra time for everybody.
import type { JSX } from "preact";
import { supervision } from "../../api/client";
import { useAction } from "../../api/use-action";
import { ProblemNote } from "../../components/problem-note";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { isRunning } from "../sessions/running";
import { ExtraTime } from "./extra-time";
import { ReasonForm } from "./reason-form";

const text = messages.supervision;

export function SessionTime({ session }: { session: Session }): JSX.Element {
  const { busy, problem, run } = useAction();
  const { sessionId, pause } = session;
  const resume = (): void => void run((requestId) => supervision.resumeParticipants({ requestId, sessionId }));
  return (
    <div class="part">
      <div role="status">
        {pause && (
          <p class="note text" dir="auto">
            {text.allPausedBecause(pause.pauseReason)}
          </p>
        )}
      </div>
      <div class="row">
        {isRunning(session) && pause === undefined && (
          <ReasonForm
            label={text.pauseAll}
            title={text.pauseAllForm}
            field="pause_reason"
            reasonLabel={text.pauseReason}
            reasonHint={text.learnersReadReason}
            consequence={text.pauseAllConsequence}
            confirmLabel={text.pauseAllConfirm}
            cancelLabel={text.pauseCancel}
            action={async (requestId, pauseReason) => {
              await supervision.pauseParticipants({ requestId, sessionId, pauseReason });
            }}
          />
        )}
        {pause && (
          <button type="button" disabled={busy} onClick={resume}>
            {text.resumeAll}
          </button>
        )}
        <ExtraTime sessionId={sessionId} />
      </div>
      <ProblemNote problem={problem} />
    </div>
  );
}

// The time of one learner on the roster: the pause, the extra time, and the buttons that change them.
import type { JSX } from "preact";
import { supervision } from "../../api/client";
import { useAction } from "../../api/use-action";
import { ProblemNote } from "../../components/problem-note";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { OutageFacts } from "../disconnects/outage-note";
import { isRunning as isSessionRunning } from "../sessions/running";
import { ExtraTime } from "./extra-time";
import { throwRefusal } from "./outcomes";
import { isInSession, isPresent } from "./participants";
import { ReasonForm } from "./reason-form";

const text = messages.supervision;

interface ParticipantTimeProps {
  session: Session;
  participant: Participant;
  name: string;
  may: boolean;
}

export function ParticipantTime({ session, participant, name, may }: ParticipantTimeProps): JSX.Element {
  const { sessionId } = session;
  const { participantId, pause, extraTime, extraTimeReason } = participant;
  const isRunning = isSessionRunning(session) && isInSession(participant);
  return (
    <>
      {pause && isInSession(participant) && (
        <p class="quiet text" dir="auto">
          {text.pausedBecause(pause.pauseReason)}
        </p>
      )}
      {extraTime && (
        <p class="quiet text" dir="auto">
          {text.extraTimeGranted(Number(extraTime.seconds), extraTimeReason)}
        </p>
      )}
      <OutageFacts session={session} participant={participant} />
      {may && isRunning && pause === undefined && (
        <ReasonForm
          label={text.pause}
          subject={name}
          title={text.pauseForm(name)}
          field="pause_reason"
          reasonLabel={text.pauseReason}
          reasonHint={text.learnerReadsReason}
          consequence={text.pauseConsequence}
          confirmLabel={text.pauseConfirm}
          cancelLabel={text.pauseCancel}
          action={async (requestId, pauseReason) => {
            const participantIds = [participantId];
            const { outcomes } = await supervision.pauseParticipants({
              requestId,
              sessionId,
              participantIds,
              pauseReason,
            });
            throwRefusal(outcomes);
          }}
        />
      )}
      {may && isRunning && pause && <Resume sessionId={sessionId} participantId={participantId} name={name} />}
      {may && isPresent(participant) && <ExtraTime sessionId={sessionId} learner={{ participantId, name }} />}
    </>
  );
}

function Resume({
  sessionId,
  participantId,
  name,
}: {
  sessionId: string;
  participantId: string;
  name: string;
}): JSX.Element {
  const { busy, problem, run } = useAction();
  const resume = (): Promise<void> =>
    run(async (requestId) => {
      const participantIds = [participantId];
      throwRefusal((await supervision.resumeParticipants({ requestId, sessionId, participantIds })).outcomes);
    });
  return (
    <>
      <button type="button" class="plain" disabled={busy} onClick={() => void resume()}>
        {text.resume} <bdi class="visually-hidden">{name}</bdi>
      </button>
      <ProblemNote problem={problem} />
    </>
  );
}

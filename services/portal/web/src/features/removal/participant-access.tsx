// Why a learner was removed or the session was ended for them, with the buttons to remove, readmit and end.
import type { JSX } from "preact";
import { supervision } from "../../api/client";
import { useAction } from "../../api/use-action";
import { ProblemNote } from "../../components/problem-note";
import { type Participant, ParticipantState } from "../../gen/proctorium/session/v1/lobby_pb";
import { type Session, SessionState } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { throwRefusal } from "../supervision/outcomes";
import { isPresent } from "../supervision/participants";
import { EndForLearner } from "./end-for-learner";
import { type Learner, Remove } from "./remove";
import { canBeReadmitted } from "./removed";
import { UndoEnd } from "./undo-end";

const text = messages.removal;

interface ParticipantAccessProps {
  session: Session;
  participant: Participant;
  name: string;
  /** Whether the person who views the panel can act in the session. */
  may: boolean;
}

export function ParticipantAccess({ session, participant, name, may }: ParticipantAccessProps): JSX.Element {
  const { participantId, removalReason, endReason } = participant;
  const learner = { sessionId: session.sessionId, participantId, name };
  const isRemoved = canBeReadmitted(session, participant);
  const canEnd = session.state === SessionState.IN_PROGRESS && (isPresent(participant) || isRemoved);
  return (
    <>
      {participant.state === ParticipantState.REMOVED && (
        <p class="quiet text" dir="auto">
          {text.removedBecause(removalReason)}
        </p>
      )}
      {endReason !== "" && (
        <p class="quiet text" dir="auto">
          {text.endedBecause(endReason)}
        </p>
      )}
      {may && <UndoEnd session={session} participant={participant} name={name} />}
      {may && isRemoved && <Readmit {...learner} />}
      {may && isPresent(participant) && <Remove {...learner} />}
      {may && canEnd && <EndForLearner {...learner} undoSeconds={Number(session.plan?.reopenWindow?.seconds ?? 0)} />}
    </>
  );
}

function Readmit({ sessionId, participantId, name }: Learner): JSX.Element {
  const { busy, problem, run } = useAction();
  const readmit = (): Promise<void> =>
    run(async (requestId) => {
      const participantIds = [participantId];
      throwRefusal((await supervision.readmitParticipants({ requestId, sessionId, participantIds })).outcomes);
    });
  return (
    <>
      <button type="button" class="plain" disabled={busy} onClick={() => void readmit()}>
        {text.readmit} <bdi class="visually-hidden">{name}</bdi>
      </button>
      <ProblemNote problem={problem} />
    </>
  );
}

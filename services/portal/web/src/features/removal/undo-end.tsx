// Undoing the end of the session for one learner.
import type { JSX } from "preact";
import { supervision } from "../../api/client";
import { useAction } from "../../api/use-action";
import { useServerNow } from "../../api/use-server-now";
import { ProblemNote } from "../../components/problem-note";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { timeOfDay } from "../../messages/format";
import { throwRefusal } from "../supervision/outcomes";
import { actsAsAdministrator } from "../supervision/permissions";
import { canUndoEnd, undoEnd } from "./removed";

const text = messages.removal;

interface UndoEndProps {
  session: Session;
  participant: Participant;
  name: string;
}

/** The button that lets the learner continue, and the time until which this is possible, or nothing. */
export function UndoEnd({ session, participant, name }: UndoEndProps): JSX.Element | null {
  const { busy, problem, run } = useAction();
  const now = useServerNow();
  if (!canUndoEnd(session, participant, now, actsAsAdministrator(session))) return null;
  const until = undoEnd(session, participant) ?? 0;
  const undo = (): Promise<void> =>
    run(async (requestId) => {
      const { sessionId } = session;
      const participantIds = [participant.participantId];
      throwRefusal((await supervision.undoEndForParticipants({ requestId, sessionId, participantIds })).outcomes);
    });
  return (
    <>
      {now < until && <p class="quiet">{text.undoUntil(timeOfDay(until))}</p>}
      <button type="button" class="plain" disabled={busy} onClick={() => void undo()}>
        {text.undo} <bdi class="visually-hidden">{name}</bdi>
      </button>
      <ProblemNote problem={problem} />
    </>
  );
}

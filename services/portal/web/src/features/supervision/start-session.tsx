// The button that starts a session. The button asks for confirmation if nobody waits in the lobby, if an invited
// learner has not joined, or if the planned start time is in the future.
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { JSX } from "preact";
import { ConfirmButton } from "../../components/confirm-button";
import { useNow } from "../../components/use-now";
import { type Participant, ParticipantState } from "../../gen/proctorium/session/v1/lobby_pb";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { dateTime } from "../../messages/format";
import { useNames } from "../people/use-names";
import { lateEntrySeconds, needsApproval } from "../sessions/late-entry";

const text = messages.supervision;

interface StartProps {
  session: Session;
  participants: readonly Participant[];
  busy: boolean;
  start: () => void;
}

export function StartSession({ session, participants, busy, start }: StartProps): JSX.Element {
  const joined = new Set(participants.map(({ personId }) => personId));
  const invited = session.plan?.learnerIds ?? [];
  const absent = invited.filter((personId) => !joined.has(personId));
  const waiting = participants.filter(({ state }) => state === ParticipantState.WAITING).length;
  const name = useNames(absent);
  const doubts = [
    waiting === 0 && text.doubt.nobodyWaits,
    absent.length > 0 && text.doubt.absent(absent.length, invited.length, nameList(absent, name)),
    (absent.length > 0 || waiting === 0) && lateEntryDoubt(session, absent.length),
    earlyStartDoubt(session, useNow()),
  ].filter(Boolean);
  const isCertain = doubts.length === 0;
  return (
    <>
      <ConfirmButton
        label={isCertain ? text.start(waiting) : text.startAsk(waiting)}
        consequence={isCertain ? text.everybodyIsHere : doubts.join(" ")}
        confirmLabel={text.startConfirm}
        cancelLabel={text.startCancel}
        busy={busy}
        immediate={isCertain}
        onConfirm={start}
      />
      {waiting === 0 && <span class="quiet">{text.nobodyWaits}</span>}
    </>
  );
}

function lateEntryDoubt(session: Session, absent: number): string {
  if (needsApproval(session)) return messages.order.lateEntryDoubt;
  const seconds = lateEntrySeconds(session);
  if (seconds > 0) return text.doubt.lateEntryOpen(seconds);
  if (absent === 0) return text.doubt.lateEntryClosed;
  return text.doubt.shutOut(absent);
}

function earlyStartDoubt({ plan }: Session, now: number): string {
  const left = plan?.startTime ? (timestampMs(plan.startTime) - now) / 1000 : 0;
  return left > 0 ? text.doubt.early(dateTime(plan?.startTime), left) : "";
}

const MAX_NAMED = 5;

function nameList(personIds: readonly string[], name: (personId: string) => string): string {
  const named = personIds.slice(0, MAX_NAMED).map(name);
  const more = personIds.length - named.length;
  return [...named, ...(more > 0 ? [text.others(more)] : [])].join(", ");
}

// Starting a session: the page asks for confirmation when an invited learner is absent, and before the planned time.
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { JSX } from "preact";
import { ConfirmButton } from "../../components/confirm-button";
import { useNow } from "../../components/use-now";
import { type Participant, ParticipantState } from "../../gen/proctorium/session/v1/lobby_pb";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";
import { counted, dateTime, duration } from "../../messages/format";
import { useNames } from "../people/use-names";
import { lateEntrySeconds } from "../sessions/late-entry";

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
    waiting === 0 && "Nobody waits in the lobby.",
    absent.length > 0 &&
      `${absent.length} of ${invited.length} ${absent.length === 1 ? "is" : "are"} not here: ${listed(absent, name)}.`,
    (absent.length > 0 || waiting === 0) && whatLateEntryMeans(session, absent.length),
    earliness(session, useNow()),
  ].filter(Boolean);
  const certain = doubts.length === 0;
  return (
    <>
      <ConfirmButton
        label={`Start the session (${waiting} waiting)${certain ? "" : "…"}`}
        consequence={certain ? "Everybody who is invited is here." : doubts.join(" ")}
        confirmLabel="Start the session now"
        cancelLabel="Wait"
        busy={busy}
        immediate={certain}
        onConfirm={start}
      />
      {waiting === 0 && <span class="quiet">Nobody waits in the lobby yet.</span>}
    </>
  );
}

function whatLateEntryMeans(session: Session, absent: number): string {
  const seconds = lateEntrySeconds(session);
  if (seconds > 0) return `Late entry is open: learners can still join for ${duration(seconds)} after the start.`;
  if (absent === 0) return "Late entry is closed: nobody can join after the start.";
  return `Late entry is closed, ${absent === 1 ? "this learner" : "they"} will be shut out.`;
}

function earliness({ plan }: Session, now: number): string {
  const left = plan?.startTime ? (timestampMs(plan.startTime) - now) / 1000 : 0;
  return left > 0 ? `The planned start is ${dateTime(plan?.startTime)}, in ${duration(left)}.` : "";
}

const MOST_NAMED = 5;

function listed(personIds: readonly string[], name: (personId: string) => string): string {
  const named = personIds.slice(0, MOST_NAMED).map(name);
  const more = personIds.length - named.length;
  return [...named, ...(more > 0 ? [`and ${counted(more, "other")}`] : [])].join(", ");
}

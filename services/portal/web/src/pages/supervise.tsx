// The proctor's side: one session with its roster, start, authorisation and end.
import type { JSX } from "preact";
import { sessions, supervision } from "../calls";
import { Confirmed } from "../confirmed";
import { type Participant, ParticipantState } from "../gen/proctorium/session/v1/lobby_pb";
import { LateEntry, type Session, SessionState } from "../gen/proctorium/session/v1/sessions_pb";
import type { WatchRosterResponse } from "../gen/proctorium/session/v1/supervision_pb";
import { useLive } from "../live";
import { isA, Role } from "../me";
import { Badge, Busy, ProblemNote, Title, useAction } from "../parts";
import { dateTime, duration } from "../words";
import { Authorisation } from "./authorisation";
import { RosterTable } from "./roster";
import { SessionCodes, SharedCode } from "./session-codes";
import { isOver, SessionBadge } from "./supervised";

interface Roster {
  session: Session | undefined;
  participants: ReadonlyMap<string, Participant>;
}

/** The roster after one more message of the stream. */
function merge(before: Roster | undefined, { change }: WatchRosterResponse): Roster {
  const roster = before ?? { session: undefined, participants: new Map<string, Participant>() };
  switch (change.case) {
    case "snapshot":
      return {
        session: change.value.session,
        participants: new Map(change.value.participants.map((one) => [one.participantId, one])),
      };
    case "session":
      return { ...roster, session: change.value };
    case "participant":
      return { ...roster, participants: new Map(roster.participants).set(change.value.participantId, change.value) };
    default:
      return roster;
  }
}

export function SupervisePage({ sessionId }: { sessionId: string }): JSX.Element {
  const { view, connected, problem } = useLive<WatchRosterResponse, Roster>(
    sessionId,
    (cursor, options) => supervision.watchRoster({ sessionId, cursor }, options),
    merge,
  );
  const session = view?.session;
  if (view === undefined || session === undefined) {
    return (
      <>
        <Title>Session</Title>
        {problem ? <ProblemNote problem={problem} /> : <Busy what="the roster" />}
      </>
    );
  }
  return (
    <>
      <Title>{session.plan?.title}</Title>
      <p class="row" role="status">
        <SessionBadge session={session} />
        <span>{dateTime(session.actualStartTime ?? session.plan?.startTime)}</span>
        {!connected && <Badge tone="bad">Connection lost, coming back…</Badge>}
      </p>
      <ProblemNote problem={problem} />
      <SessionActions session={session} participants={[...view.participants.values()]} />
      {isA(Role.ADMINISTRATOR) && <SessionCodes session={session} />}
      <RosterTable session={session} participants={[...view.participants.values()]} />
    </>
  );
}

function SessionActions({ session, participants }: { session: Session; participants: Participant[] }): JSX.Element | null {
  const { busy, problem, run } = useAction();
  const { sessionId } = session;
  const proctors = isA(Role.PROCTOR);
  const lobbyOpen = session.state === SessionState.LOBBY_OPEN;
  const inProgress = session.state === SessionState.IN_PROGRESS;
  const waiting = participants.filter((one) => one.state === ParticipantState.WAITING).length;
  const start = (): void => void run((requestId) => sessions.startSession({ requestId, sessionId }));
  if (isOver(session)) return null;
  return (
    <section class="card">
      {inProgress && proctors && <Authorisation session={session} participants={participants} />}
      <div class="row">
        {session.state === SessionState.SCHEDULED && (
          <button type="button" disabled={busy} onClick={() => void run((requestId) => sessions.openLobby({ requestId, sessionId }))}>
            Open the lobby
          </button>
        )}
        {lobbyOpen && proctors && <Start session={session} waiting={waiting} busy={busy} start={start} />}
        {inProgress && (
          <Confirmed
            ask="End the session…"
            meaning="Everybody leaves the session, and open attempts are submitted with all that was saved."
            yes="End the session now"
            no="Go on"
            busy={busy}
            act={() => void run((requestId) => sessions.endSession({ requestId, sessionId }))}
          />
        )}
        {!inProgress && isA(Role.ADMINISTRATOR) && (
          <Confirmed
            ask="Cancel the session…"
            meaning="Everybody who was told of it is told that it is called off."
            yes="Cancel the session now"
            no="Keep it"
            busy={busy}
            act={() => void run((requestId) => sessions.cancelSession({ requestId, sessionId }))}
          />
        )}
        {!isA(Role.ADMINISTRATOR) && <SharedCode sessionId={session.sessionId} />}
      </div>
      <ProblemNote problem={problem} />
    </section>
  );
}

interface StartProps {
  session: Session;
  waiting: number;
  busy: boolean;
  start: () => void;
}

/** Starts at once when somebody waits; for nobody it asks first. */
function Start({ session, waiting, busy, start }: StartProps): JSX.Element {
  if (waiting > 0) {
    return (
      <button type="button" disabled={busy} onClick={start}>
        Start the session ({waiting} waiting)
      </button>
    );
  }
  const late = session.plan?.lateEntry === LateEntry.UNTIL;
  return (
    <>
      <Confirmed
        ask="Start the session…"
        meaning={
          late
            ? `Nobody waits in the lobby. Learners could still come for ${duration(Number(session.plan?.lateEntryLimit?.seconds ?? 0))}.`
            : "Nobody waits in the lobby, and once it has started nobody new can come in."
        }
        yes="Start without learners"
        no="Wait for learners"
        busy={busy}
        act={start}
      />
      <span class="quiet">Nobody waits in the lobby yet.</span>
    </>
  );
}

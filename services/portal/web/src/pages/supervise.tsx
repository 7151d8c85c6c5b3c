// The proctor's side: one session with its roster, start, authorisation and end.
import type { JSX } from "preact";
import { sessions, supervision } from "../calls";
import { Confirmed } from "../confirmed";
import type { Participant } from "../gen/proctorium/session/v1/lobby_pb";
import { type Session, SessionState } from "../gen/proctorium/session/v1/sessions_pb";
import type { WatchRosterResponse } from "../gen/proctorium/session/v1/supervision_pb";
import { useLive } from "../live";
import { isA, Role } from "../me";
import { Badge, Busy, Link, ProblemNote, Title, useAction } from "../parts";
import { actsAsAdministrator, isLapsed, maySupervise, takesPart } from "../rights";
import { dateTime } from "../words";
import { Authorisation } from "./authorisation";
import { RosterTable } from "./roster";
import { SessionCodes, SharedCode } from "./session-codes";
import { StartSession } from "./start-session";
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
        {!connected && problem === undefined && <Badge tone="bad">Connection lost, coming back…</Badge>}
      </p>
      <ProblemNote problem={problem} />
      <SessionActions session={session} participants={[...view.participants.values()]} />
      {isA(Role.ADMINISTRATOR) && <SessionCodes session={session} />}
      {isA(Role.ADMINISTRATOR) && (
        <p>
          <Link to={`/supervise/${session.sessionId}/accesses`}>Who looked at pictures and record</Link>
        </p>
      )}
      <RosterTable session={session} participants={[...view.participants.values()]} />
    </>
  );
}

function SessionActions({ session, participants }: { session: Session; participants: Participant[] }): JSX.Element | null {
  const { busy, problem, run } = useAction();
  const { sessionId } = session;
  const may = maySupervise(session, participants);
  const lobbyOpen = session.state === SessionState.LOBBY_OPEN;
  const inProgress = session.state === SessionState.IN_PROGRESS;
  const start = (): void => void run((requestId) => sessions.startSession({ requestId, sessionId }));
  if (isOver(session)) return null;
  return (
    <section class="card">
      {takesPart(session, participants) && <p>You take part in this session as a learner, so you cannot run it.</p>}
      {may && actsAsAdministrator(session) && <p class="quiet">What you do in this session is recorded as done by an administrator.</p>}
      {inProgress && may && <Authorisation session={session} participants={participants} />}
      <div class="row">
        {session.state === SessionState.SCHEDULED && may && (
          <button type="button" disabled={busy} onClick={() => void run((requestId) => sessions.openLobby({ requestId, sessionId }))}>
            Open the lobby
          </button>
        )}
        {lobbyOpen && may && isLapsed() && (
          <p>You are not certified as a proctor at present, so you cannot start this session. Ask your administrator to certify you, then reload this page.</p>
        )}
        {lobbyOpen && may && !isLapsed() && <StartSession session={session} participants={participants} busy={busy} start={start} />}
        {inProgress && may && (
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
      </div>
      {!isA(Role.ADMINISTRATOR) && <SharedCode session={session} />}
      <ProblemNote problem={problem} />
    </section>
  );
}

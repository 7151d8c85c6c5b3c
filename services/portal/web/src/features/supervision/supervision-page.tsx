// The proctor's side: one session with its roster, start, authorisation and end.
import type { JSX } from "preact";
import { sessions, supervision } from "../../api/client";
import { useAction } from "../../api/use-action";
import { useStream } from "../../api/use-stream";
import { Badge } from "../../components/badge";
import { ConfirmButton } from "../../components/confirm-button";
import { Link } from "../../components/link";
import { Loading } from "../../components/loading";
import { PageTitle } from "../../components/page-title";
import { ProblemNote } from "../../components/problem-note";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import { type Session, SessionState } from "../../gen/proctorium/session/v1/sessions_pb";
import type { WatchRosterResponse } from "../../gen/proctorium/session/v1/supervision_pb";
import { dateTime } from "../../messages/format";
import { hasRole, Role } from "../account/current-user";
import { SessionCodes, SharedCode } from "../sessions/session-codes";
import { isOver, SessionBadge } from "../sessions/sessions-page";
import { Authorisation } from "./authorization";
import { actsAsAdministrator, isLapsed, maySupervise, takesPart } from "./permissions";
import { RosterTable } from "./roster";
import { StartSession } from "./start-session";

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

export function SupervisionPage({ sessionId }: { sessionId: string }): JSX.Element {
  const { view, connected, problem } = useStream<WatchRosterResponse, Roster>(
    sessionId,
    (cursor, options) => supervision.watchRoster({ sessionId, cursor }, options),
    merge,
  );
  const session = view?.session;
  if (view === undefined || session === undefined) {
    return (
      <>
        <PageTitle>Session</PageTitle>
        {problem ? <ProblemNote problem={problem} /> : <Loading what="the roster" />}
      </>
    );
  }
  return (
    <>
      <PageTitle>{session.plan?.title}</PageTitle>
      <p class="row" role="status">
        <SessionBadge session={session} />
        <span>{dateTime(session.actualStartTime ?? session.plan?.startTime)}</span>
        {!connected && problem === undefined && <Badge tone="bad">Connection lost, coming back…</Badge>}
      </p>
      <ProblemNote problem={problem} />
      <SessionActions session={session} participants={[...view.participants.values()]} />
      {hasRole(Role.ADMINISTRATOR) && <SessionCodes session={session} />}
      {hasRole(Role.ADMINISTRATOR) && (
        <p>
          <Link to={`/supervise/${session.sessionId}/accesses`}>Who looked at pictures and record</Link>
        </p>
      )}
      <RosterTable session={session} participants={[...view.participants.values()]} />
    </>
  );
}

function SessionActions({
  session,
  participants,
}: {
  session: Session;
  participants: Participant[];
}): JSX.Element | null {
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
      {may && actsAsAdministrator(session) && (
        <p class="quiet">What you do in this session is recorded as done by an administrator.</p>
      )}
      {inProgress && may && <Authorisation session={session} participants={participants} />}
      <div class="row">
        {session.state === SessionState.SCHEDULED && may && (
          <button
            type="button"
            disabled={busy}
            onClick={() => void run((requestId) => sessions.openLobby({ requestId, sessionId }))}
          >
            Open the lobby
          </button>
        )}
        {lobbyOpen && may && isLapsed() && (
          <p>
            You are not certified as a proctor at present, so you cannot start this session. Ask your administrator to
            certify you, then reload this page.
          </p>
        )}
        {lobbyOpen && may && !isLapsed() && (
          <StartSession session={session} participants={participants} busy={busy} start={start} />
        )}
        {inProgress && may && (
          <ConfirmButton
            label="End the session…"
            consequence="Everybody leaves the session, and open attempts are submitted with all that was saved."
            confirmLabel="End the session now"
            cancelLabel="Go on"
            busy={busy}
            onConfirm={() => void run((requestId) => sessions.endSession({ requestId, sessionId }))}
          />
        )}
        {!inProgress && hasRole(Role.ADMINISTRATOR) && (
          <ConfirmButton
            label="Cancel the session…"
            consequence="Everybody who was told of it is told that it is called off."
            confirmLabel="Cancel the session now"
            cancelLabel="Keep it"
            busy={busy}
            onConfirm={() => void run((requestId) => sessions.cancelSession({ requestId, sessionId }))}
          />
        )}
      </div>
      {!hasRole(Role.ADMINISTRATOR) && <SharedCode session={session} />}
      <ProblemNote problem={problem} />
    </section>
  );
}

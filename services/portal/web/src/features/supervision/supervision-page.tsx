// The page on which proctors supervise a session. Proctors see the roster, start the session, authorise assessments and
// end the session.
import type { JSX } from "preact";
import { sessions, supervision } from "../../api/client";
import { noteServerTime } from "../../api/server-time";
import { useAction } from "../../api/use-action";
import { useStream } from "../../api/use-stream";
import { Badge } from "../../components/badge";
import { ConfirmButton } from "../../components/confirm-button";
import { Link } from "../../components/link";
import { Loading } from "../../components/loading";
import { PageTitle } from "../../components/page-title";
import { ProblemNote } from "../../components/problem-note";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import type { Message } from "../../gen/proctorium/session/v1/messages_pb";
import { type Session, SessionState } from "../../gen/proctorium/session/v1/sessions_pb";
import type { WatchRosterResponse } from "../../gen/proctorium/session/v1/supervision_pb";
import { messages } from "../../messages";
import { dateTime } from "../../messages/format";
import { hasRole, Role } from "../account/current-user";
import { ClosingActions, EndSession } from "../closing/end-session";
import { EndWarnings } from "../closing/end-warnings";
import { SessionEnd } from "../closing/session-end";
import { SessionProctors } from "../coverage/session-proctors";
import { HandQueue } from "../hands/hand-queue";
import { IncidentSection } from "../incidents/incident-section";
import { hasIncidents } from "../incidents/incidents";
import { useIncidents } from "../incidents/use-incidents";
import { acceptsMessages } from "../messages/conversation";
import { StaffMessages, useOpenConversation } from "../messages/staff-messages";
import { LateEntries } from "../order/late-entries";
import { ReportLink } from "../report/report-link";
import { isRunning } from "../sessions/running";
import { SessionBadge } from "../sessions/session-badge";
import { SessionCodes, SharedCode } from "../sessions/session-codes";
import { isOver } from "../sessions/sessions";
import { AuthoriseAssessments } from "./authorise-assessments";
import { actsAsAdministrator, isLapsed, maySupervise, takesPart } from "./permissions";
import { Roster } from "./roster";
import { SessionTime } from "./session-time";
import { StartSession } from "./start-session";

const text = messages.supervision;

interface RosterView {
  session: Session | undefined;
  participants: ReadonlyMap<string, Participant>;
  /** The messages that the stream has delivered. */
  messages: readonly Message[];
}

/** Return the roster that results from a message of the stream and the roster `before`. */
function merge(
  before: RosterView | undefined,
  { change, messages: newer, serverTime }: WatchRosterResponse,
): RosterView {
  noteServerTime(serverTime);
  const earlier = before ?? { session: undefined, participants: new Map<string, Participant>(), messages: [] };
  const roster = { ...earlier, messages: [...earlier.messages, ...newer] };
  switch (change.case) {
    case "snapshot":
      return {
        ...roster,
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
  const { view, connected, problem } = useStream<WatchRosterResponse, RosterView>(
    sessionId,
    (cursor, options) => supervision.watchRoster({ sessionId, cursor }, options),
    merge,
  );
  const session = view?.session;
  if (view === undefined || session === undefined) {
    return (
      <>
        <PageTitle>{text.session}</PageTitle>
        {problem ? <ProblemNote problem={problem} /> : <Loading what={text.theRoster} />}
      </>
    );
  }
  return (
    <>
      <PageTitle>
        <bdi>{session.plan?.title}</bdi>
      </PageTitle>
      <p class="row" role="status">
        <SessionBadge session={session} />
        <span>{dateTime(session.actualStartTime ?? session.plan?.startTime)}</span>
        <SessionEnd session={session} />
        {!connected && problem === undefined && <Badge tone="bad">{messages.common.connectionLost}</Badge>}
      </p>
      <ProblemNote problem={problem} />
      <EndWarnings session={session} />
      <SessionProctors session={session} may={maySupervise(session, [...view.participants.values()])} />
      {isOver(session) && <ReportLink session={session} />}
      <SessionActions session={session} participants={[...view.participants.values()]} />
      {hasRole(Role.ADMINISTRATOR) && <SessionCodes session={session} />}
      {hasRole(Role.ADMINISTRATOR) && (
        <p>
          <Link to={`/supervise/${session.sessionId}/accesses`}>{text.accessLog}</Link>
        </p>
      )}
      <Learners session={session} participants={[...view.participants.values()]} live={view.messages} />
    </>
  );
}

interface LearnersProps {
  session: Session;
  participants: Participant[];
  live: readonly Message[];
}

/** The roster, the messages, and the incidents that were written down about the learners and the session. */
function Learners({ session, participants, live }: LearnersProps): JSX.Element {
  const may = maySupervise(session, participants);
  const conversation = useOpenConversation();
  const enabled = hasIncidents(session) && may;
  const incidents = useIncidents(session.sessionId, enabled);
  return (
    <>
      {may && <LateEntries session={session} participants={participants} />}
      {may && acceptsMessages(session) && <HandQueue participants={participants} conversation={conversation} />}
      {may && session.state !== SessionState.SCHEDULED && (
        <StaffMessages session={session} participants={participants} live={live} conversation={conversation} />
      )}
      <Roster
        session={session}
        participants={participants}
        incidents={incidents}
        conversation={may ? conversation : undefined}
      />
      {enabled && <IncidentSection session={session} participants={participants} incidents={incidents} />}
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
      {takesPart(session, participants) && <p>{text.takesPart}</p>}
      {may && actsAsAdministrator(session) && <p class="quiet">{text.actsAsAdministrator}</p>}
      {inProgress && may && <AuthoriseAssessments session={session} participants={participants} />}
      {(lobbyOpen || isRunning(session)) && may && <SessionTime session={session} />}
      <div class="row">
        {session.state === SessionState.SCHEDULED && may && (
          <button
            type="button"
            disabled={busy}
            onClick={() => void run((requestId) => sessions.openLobby({ requestId, sessionId }))}
          >
            {text.openLobby}
          </button>
        )}
        {lobbyOpen && may && isLapsed() && <p>{text.notCertified}</p>}
        {lobbyOpen && may && !isLapsed() && (
          <StartSession session={session} participants={participants} busy={busy} start={start} />
        )}
        {inProgress && may && <EndSession session={session} participants={participants} />}
        {session.state === SessionState.CLOSING && may && <ClosingActions session={session} />}
        {!isRunning(session) && hasRole(Role.ADMINISTRATOR) && (
          <ConfirmButton
            label={text.cancel}
            consequence={text.cancelConsequence}
            confirmLabel={text.cancelConfirm}
            cancelLabel={text.cancelCancel}
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

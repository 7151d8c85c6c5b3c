// The panel of the whole session: its proctors, breaks, late entries, announcements, incidents and codes.
import type { JSX } from "preact";
import { Link } from "../../components/link";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import type { Message } from "../../gen/proctorium/session/v1/messages_pb";
import { type Session, SessionState } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { hasRole, Role } from "../account/current-user";
import { BreakQueue } from "../breaks/break-queue";
import { SessionProctors } from "../coverage/session-proctors";
import { IncidentSection } from "../incidents/incident-section";
import { hasIncidents } from "../incidents/incidents";
import type { Incidents } from "../incidents/use-incidents";
import { Announcements } from "../messages/staff-messages";
import { LateEntries } from "../order/late-entries";
import { ReportLink } from "../report/report-link";
import { isRunning } from "../sessions/running";
import { SessionCodes, SharedCode } from "../sessions/session-codes";
import { isOver } from "../sessions/sessions";

interface SessionPanelProps {
  session: Session;
  participants: readonly Participant[];
  live: readonly Message[];
  incidents: Incidents;
  may: boolean;
}

export function SessionPanel({ session, participants, live, incidents, may }: SessionPanelProps): JSX.Element {
  const isAdministrator = hasRole(Role.ADMINISTRATOR);
  return (
    <div class="panel">
      {isOver(session) && <ReportLink session={session} />}
      <SessionProctors session={session} may={may} />
      {!isAdministrator && !isOver(session) && <SharedCode session={session} />}
      {may && isRunning(session) && <BreakQueue participants={participants} />}
      {may && <LateEntries session={session} participants={participants} />}
      {may && session.state !== SessionState.SCHEDULED && (
        <Announcements session={session} participants={participants} live={live} />
      )}
      {may && hasIncidents(session) && (
        <IncidentSection session={session} participants={participants} incidents={incidents} />
      )}
      {isAdministrator && <SessionCodes session={session} />}
      {isAdministrator && (
        <p>
          <Link to={`/supervise/${session.sessionId}/accesses`}>{messages.supervision.accessLog}</Link>
        </p>
      )}
    </div>
  );
}

// The actions on the whole session: open the lobby, start, authorise, pause, grant extra time, end, reopen, and cancel.
import type { JSX } from "preact";
import { sessions } from "../../api/client";
import { useAction } from "../../api/use-action";
import { ConfirmButton } from "../../components/confirm-button";
import { ProblemNote } from "../../components/problem-note";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import { type Session, SessionState } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { hasRole, Role } from "../account/current-user";
import { ClosingActions, EndSession } from "../closing/end-session";
import { ReopenSession } from "../closing/reopen-session";
import { isRunning } from "../sessions/running";
import { isOver } from "../sessions/sessions";
import { AuthoriseAssessments } from "./authorise-assessments";
import { actsAsAdministrator, isLapsed, maySupervise, takesPart } from "./permissions";
import { SessionTime } from "./session-time";
import { StartSession } from "./start-session";

const text = messages.supervision;

export function SessionActions({
  session,
  participants,
}: {
  session: Session;
  participants: readonly Participant[];
}): JSX.Element | null {
  const { busy, problem, run } = useAction();
  const { sessionId } = session;
  const may = maySupervise(session, participants);
  const lobbyOpen = session.state === SessionState.LOBBY_OPEN;
  const inProgress = session.state === SessionState.IN_PROGRESS;
  const start = (): void => void run((requestId) => sessions.startSession({ requestId, sessionId }));
  if (isOver(session)) {
    if (!may) return null;
    const asAdministrator = actsAsAdministrator(session);
    return <ReopenSession session={session} participants={participants} asAdministrator={asAdministrator} />;
  }
  return (
    <div class="session-actions">
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
      <ProblemNote problem={problem} />
    </div>
  );
}

// The state of a session as a badge.
import type { JSX } from "preact";
import { Badge } from "../../components/badge";
import { type Session, SessionState } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";

const text = messages.sessions;

export function SessionBadge({ session }: { session: Session }): JSX.Element {
  switch (session.state) {
    case SessionState.SCHEDULED:
      return <Badge tone="plain">{text.state.scheduled}</Badge>;
    case SessionState.LOBBY_OPEN:
      return <Badge tone="wait">{text.state.lobbyOpen}</Badge>;
    case SessionState.IN_PROGRESS:
      return <Badge tone="good">{text.state.inProgress}</Badge>;
    case SessionState.CLOSING:
      return <Badge tone="wait">{text.state.closing}</Badge>;
    case SessionState.ENDED:
      return <Badge tone="plain">{text.state.ended}</Badge>;
    default:
      return <Badge tone="bad">{text.state.cancelled}</Badge>;
  }
}

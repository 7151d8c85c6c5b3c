// Reopening a session that has ended.
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { JSX } from "preact";
import { sessions } from "../../api/client";
import { useServerNow } from "../../api/use-server-now";
import { ConfirmAction } from "../../components/confirm-button";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { timeOfDay } from "../../messages/format";
import { isReopenable } from "./reopening";

const text = messages.closing;

interface ReopenSessionProps {
  session: Session;
  participants: readonly Participant[];
  /** Whether the person acts as an administrator, who can reopen the session for longer. */
  asAdministrator: boolean;
}

/** The button that reopens a session, and the time until which this is possible. Not shown if it is not possible. */
export function ReopenSession({ session, participants, asAdministrator }: ReopenSessionProps): JSX.Element | null {
  const now = useServerNow();
  const { sessionId, reopenEndTime } = session;
  if (!isReopenable(session, participants, now, asAdministrator)) return null;
  const until = reopenEndTime && timestampMs(reopenEndTime) > now ? timeOfDay(timestampMs(reopenEndTime)) : undefined;
  return (
    <div class="session-actions">
      <p class="quiet">{until === undefined ? text.reopenWhileHeld : text.reopenUntil(until)}</p>
      <div class="row">
        <ConfirmAction
          label={text.reopen}
          consequence={text.reopenConsequence}
          confirmLabel={text.reopenConfirm}
          cancelLabel={text.reopenCancel}
          action={(requestId) => sessions.reopenSession({ requestId, sessionId })}
        />
      </div>
    </div>
  );
}

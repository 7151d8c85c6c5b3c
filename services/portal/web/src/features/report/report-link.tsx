// The link to the report of a session.
import type { JSX } from "preact";
import { Link } from "../../components/link";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";

const text = messages.report;

/** Links to the report of a session. A session that was not started has no report. */
export function ReportLink({ session }: { session: Session }): JSX.Element | null {
  if (session.actualStartTime === undefined) return null;
  return (
    <Link to={`/sessions/${session.sessionId}/report`}>
      {text.link} <bdi class="visually-hidden">{text.linkOf(session.plan?.title ?? "")}</bdi>
    </Link>
  );
}

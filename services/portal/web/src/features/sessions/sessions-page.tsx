// The sessions that the person supervises: current, future and past ones.
import { CalendarClock, CalendarPlus } from "lucide";
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { useQuery } from "../../api/use-query";
import { EmptyState } from "../../components/empty-state";
import { Icon } from "../../components/icon";
import { Link } from "../../components/link";
import { Loading } from "../../components/loading";
import { PageHeader } from "../../components/page-header";
import { ProblemNote } from "../../components/problem-note";
import { type Session, SessionState } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { dateTime } from "../../messages/format";
import { hasRole, Role } from "../account/current-user";
import { UncoveredSessions } from "../coverage/uncovered-sessions";
import { ReportLink } from "../report/report-link";
import { isRunning } from "./running";
import { SessionBadge } from "./session-badge";
import { isOver, listAllSessions } from "./sessions";

const text = messages.sessions;

function isNow(session: Session): boolean {
  return session.state === SessionState.LOBBY_OPEN || isRunning(session);
}

export function SessionsPage(): JSX.Element {
  const { data, problem } = useQuery("supervised", listAllSessions);
  const live = data?.filter((session) => !isOver(session)) ?? [];
  const past = data?.filter(isOver).reverse() ?? [];
  return (
    <>
      <PageHeader title={hasRole(Role.ADMINISTRATOR) ? text.title : text.yourSessions}>
        {hasRole(Role.ADMINISTRATOR) && (
          <Link to="/schedule" class="button">
            <Icon of={CalendarPlus} />
            {text.schedule}
          </Link>
        )}
      </PageHeader>
      <UncoveredSessions />
      <ProblemNote problem={problem} />
      {data === undefined && problem === undefined && <Loading what={text.yourSessionsLoading} />}
      {data && live.length === 0 && (
        <EmptyState icon={CalendarClock}>
          <p>{text.none}</p>
        </EmptyState>
      )}
      <Sessions title={text.now} sessions={live.filter(isNow)} />
      <Sessions title={text.upcoming} sessions={live.filter((session) => !isNow(session))} />
      <Sessions title={text.past} sessions={past} />
    </>
  );
}

const FIRST_SHOWN = 20;
const SHOWN_AT_A_TIME = 200;

function Sessions({ title, sessions: listed }: { title: string; sessions: readonly Session[] }): JSX.Element | null {
  const [limit, setLimit] = useState(FIRST_SHOWN);
  if (listed.length === 0) return null;
  const hidden = Math.max(0, listed.length - limit);
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      <ul class="cards">
        {listed.slice(0, limit).map((session) => (
          <li key={session.sessionId} class="card">
            <h3>
              <Link to={`/supervise/${session.sessionId}`}>
                <bdi>{session.plan?.title}</bdi>
              </Link>
            </h3>
            <p class="row">
              <span>{dateTime(session.actualStartTime ?? session.plan?.startTime)}</span>
              <SessionBadge session={session} />
              <span class="quiet">{text.joined(session.participantCount)}</span>
              <ReportLink session={session} />
            </p>
          </li>
        ))}
      </ul>
      {hidden > 0 && (
        <p>
          <button type="button" class="plain" onClick={() => setLimit(limit + SHOWN_AT_A_TIME)}>
            {text.showMore(Math.min(hidden, SHOWN_AT_A_TIME))}
          </button>
        </p>
      )}
    </section>
  );
}

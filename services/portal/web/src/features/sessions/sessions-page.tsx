// The sessions that somebody supervises: those of now, those to come, and those that are over.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { sessions } from "../../api/client";
import { listAll } from "../../api/pagination";
import { useQuery } from "../../api/use-query";
import { Badge } from "../../components/badge";
import { Link } from "../../components/link";
import { Loading } from "../../components/loading";
import { PageTitle } from "../../components/page-title";
import { ProblemNote } from "../../components/problem-note";
import { type Session, SessionState } from "../../gen/proctorium/session/v1/sessions_pb";
import { counted, dateTime } from "../../messages/format";
import { hasRole, Role } from "../account/current-user";

const NOW: readonly SessionState[] = [SessionState.LOBBY_OPEN, SessionState.IN_PROGRESS];
const OVER: readonly SessionState[] = [SessionState.ENDED, SessionState.CANCELLED];
const PAGE_SIZE = 200;

export function SessionsPage(): JSX.Element {
  const { data, problem } = useQuery("supervised", listAllSessions);
  const live = data?.filter((session) => !isOver(session)) ?? [];
  const past = data?.filter(isOver).reverse() ?? [];
  return (
    <>
      <PageTitle>{hasRole(Role.ADMINISTRATOR) ? "Sessions" : "Your sessions"}</PageTitle>
      {hasRole(Role.ADMINISTRATOR) && (
        <p>
          <Link to="/schedule" class="button">
            Schedule a session
          </Link>
        </p>
      )}
      <ProblemNote problem={problem} />
      {data === undefined && problem === undefined && <Loading what="your sessions" />}
      {data && live.length === 0 && <p>There is no session now, and none is planned.</p>}
      <Sessions title="Now" sessions={live.filter(({ state }) => NOW.includes(state))} />
      <Sessions title="Coming" sessions={live.filter(({ state }) => !NOW.includes(state))} />
      <Sessions title="Past" sessions={past} />
    </>
  );
}

/** Whether nothing can happen in a session any more. */
export function isOver({ state }: Session): boolean {
  return OVER.includes(state);
}

/** All of them by start time: the newest of the past stand on the last page. */
export function listAllSessions(): Promise<Session[]> {
  return listAll(
    (pageToken) => sessions.listSessions({ pageSize: PAGE_SIZE, pageToken }),
    (page) => page.sessions,
  );
}

const FIRST_SHOWN = 20;

function Sessions({ title, sessions: listed }: { title: string; sessions: readonly Session[] }): JSX.Element | null {
  const [most, setMost] = useState(FIRST_SHOWN);
  if (listed.length === 0) return null;
  const hidden = Math.max(0, listed.length - most);
  return (
    <section aria-label={title}>
      <h2>{title}</h2>
      <ul class="cards">
        {listed.slice(0, most).map((session) => (
          <li key={session.sessionId} class="card">
            <h3>
              <Link to={`/supervise/${session.sessionId}`}>{session.plan?.title}</Link>
            </h3>
            <p class="row">
              <span>{dateTime(session.actualStartTime ?? session.plan?.startTime)}</span>
              <SessionBadge session={session} />
              <span class="quiet">{counted(session.participantCount, "learner")} joined</span>
            </p>
          </li>
        ))}
      </ul>
      {hidden > 0 && (
        <p>
          <button type="button" class="plain" onClick={() => setMost(most + PAGE_SIZE)}>
            Show {Math.min(hidden, PAGE_SIZE)} more
          </button>
        </p>
      )}
    </section>
  );
}

export function SessionBadge({ session }: { session: Session }): JSX.Element {
  switch (session.state) {
    case SessionState.SCHEDULED:
      return <Badge tone="plain">Scheduled</Badge>;
    case SessionState.LOBBY_OPEN:
      return <Badge tone="wait">Lobby open</Badge>;
    case SessionState.IN_PROGRESS:
      return <Badge tone="good">In progress</Badge>;
    case SessionState.ENDED:
      return <Badge tone="plain">Ended</Badge>;
    default:
      return <Badge tone="bad">Cancelled</Badge>;
  }
}

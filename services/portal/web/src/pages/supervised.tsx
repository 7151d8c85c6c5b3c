// The sessions that somebody supervises: those of now, those to come, and those that are over.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { sessions } from "../calls";
import { allPages } from "../forms";
import { type Session, SessionState } from "../gen/proctorium/session/v1/sessions_pb";
import { isA, Role } from "../me";
import { Badge, Busy, Link, ProblemNote, Title, useLoaded } from "../parts";
import { counted, dateTime } from "../words";

const NOW: readonly SessionState[] = [SessionState.LOBBY_OPEN, SessionState.IN_PROGRESS];
const OVER: readonly SessionState[] = [SessionState.ENDED, SessionState.CANCELLED];
const PAGE_SIZE = 200;

export function SupervisedSessionsPage(): JSX.Element {
  const { loaded, problem } = useLoaded("supervised", allSessions);
  const live = loaded?.filter((session) => !isOver(session)) ?? [];
  const past = loaded?.filter(isOver).reverse() ?? [];
  return (
    <>
      <Title>{isA(Role.ADMINISTRATOR) ? "Sessions" : "Your sessions"}</Title>
      {isA(Role.ADMINISTRATOR) && (
        <p>
          <Link to="/schedule" class="button">
            Schedule a session
          </Link>
        </p>
      )}
      <ProblemNote problem={problem} />
      {loaded === undefined && problem === undefined && <Busy what="your sessions" />}
      {loaded && live.length === 0 && <p>There is no session now, and none is planned.</p>}
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
export function allSessions(): Promise<Session[]> {
  return allPages(
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

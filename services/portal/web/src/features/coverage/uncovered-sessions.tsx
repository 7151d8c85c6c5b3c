// The alarm about sessions without a present proctor, with a button to take each session over, or to open an own one.
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { supervision } from "../../api/client";
import { listAll } from "../../api/pagination";
import { useAction } from "../../api/use-action";
import { useQuery } from "../../api/use-query";
import { Link } from "../../components/link";
import { ProblemNote } from "../../components/problem-note";
import { useOnVisible } from "../../components/use-on-visible";
import type { UncoveredSession } from "../../gen/proctorium/session/v1/supervision_pb";
import { messages } from "../../messages";
import { dateTime } from "../../messages/format";
import { navigate } from "../../route";
import { me } from "../account/current-user";
import { isLapsed } from "../supervision/permissions";
import { isLedBy } from "./coverage";

const text = messages.coverage;

const INTERVAL_MS = 5_000;
const PAGE_SIZE = 200;

/** List all sessions without a present proctor, the longest uncovered session first. */
async function listUncovered(): Promise<UncoveredSession[]> {
  return listAll(
    (pageToken) => supervision.listUncoveredSessions({ pageSize: PAGE_SIZE, pageToken }),
    (page) => page.sessions,
  );
}

/** The uncovered sessions that the person may take. The list is loaded again every few seconds while it is visible. */
export function UncoveredSessions(): JSX.Element | null {
  return isLapsed() ? null : <Alarms />;
}

function Alarms(): JSX.Element | null {
  const { data, problem, reload } = useQuery("uncovered", listUncovered);
  useOnVisible(reload);
  useEffect(() => {
    const timer = setInterval(() => {
      if (document.visibilityState === "visible") reload();
    }, INTERVAL_MS);
    return () => clearInterval(timer);
  }, []);
  if (data?.length === 0 && problem === undefined) return null;
  return (
    <section aria-label={text.alarmTitle}>
      <ProblemNote problem={problem} />
      {data?.map((session) => (
        <Alarm key={session.sessionId} session={session} reload={reload} />
      ))}
    </section>
  );
}

interface AlarmProps {
  session: UncoveredSession;
  reload: () => void;
}

function Alarm(props: AlarmProps): JSX.Element {
  const { session } = props;
  return (
    <div class="note problem" role="alert">
      <p>
        <strong dir="auto">{text.alarm(session.title)}</strong> {text.since(dateTime(session.uncoveredTime))}
      </p>
      {isLedBy(session, me.value?.personId ?? "") ? <OpenSession session={session} /> : <TakeOver {...props} />}
    </div>
  );
}

function OpenSession({ session }: { session: UncoveredSession }): JSX.Element {
  return (
    <p class="row">
      <Link to={`/supervise/${session.sessionId}`} class="button">
        {text.openSession}
        <bdi class="visually-hidden"> {session.title}</bdi>
      </Link>
      <span class="quiet">{text.openHint}</span>
    </p>
  );
}

function TakeOver({ session, reload }: AlarmProps): JSX.Element {
  const { busy, problem, run } = useAction();
  const { sessionId, leadProctorId } = session;
  const take = async (requestId: string): Promise<void> => {
    try {
      await supervision.takeSession({ requestId, sessionId, expectedLeadProctorId: leadProctorId });
    } finally {
      reload();
    }
    navigate(`/supervise/${sessionId}`);
  };
  return (
    <>
      <p class="row">
        <button type="button" disabled={busy} onClick={() => void run(take)}>
          {text.take}
          <bdi class="visually-hidden"> {session.title}</bdi>
        </button>
        <span class="quiet">{text.takeHint}</span>
      </p>
      <ProblemNote problem={problem} />
    </>
  );
}

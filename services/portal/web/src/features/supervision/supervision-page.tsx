// The page on which proctors supervise a session: the console with the session bar, the roster and a panel.
import type { JSX } from "preact";
import { useLayoutEffect, useMemo, useRef } from "preact/hooks";
import { supervision } from "../../api/client";
import type { Problem } from "../../api/errors";
import { noteServerTime } from "../../api/server-time";
import { useStream } from "../../api/use-stream";
import { AfterPaint } from "../../components/after-paint";
import { Loading } from "../../components/loading";
import { PageTitle } from "../../components/page-title";
import { ProblemNote } from "../../components/problem-note";
import { Toasts } from "../../components/toast";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import type { Message } from "../../gen/proctorium/session/v1/messages_pb";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";
import type { WatchRosterResponse } from "../../gen/proctorium/session/v1/supervision_pb";
import { messages } from "../../messages";
import { IncidentEditor } from "../incidents/incident-form";
import { acceptsIncidents, hasIncidents } from "../incidents/incidents";
import { type Incidents, useIncidents } from "../incidents/use-incidents";
import { useNames } from "../people/use-names";
import { useProctorNotes } from "../people/use-proctor-notes";
import { isOver } from "../sessions/sessions";
import { LearnerPanel } from "./learner-panel";
import { maySupervise } from "./permissions";
import { Roster } from "./roster";
import { type RosterEntry, useRosterEntries } from "./roster-entry";
import { SessionBar } from "./session-bar";
import { SessionPanel } from "./session-panel";
import { useCoalesced } from "./use-coalesced";
import { useConsole } from "./use-console";

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
  const roster = newer.length > 0 ? { ...earlier, messages: [...earlier.messages, ...newer] } : earlier;
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

/** The shortest time between two renderings of changes. */
const RENDER_INTERVAL_MS = 150;

export function SupervisionPage({ sessionId }: { sessionId: string }): JSX.Element {
  const {
    view: latest,
    connected,
    problem,
  } = useStream<WatchRosterResponse, RosterView>(
    sessionId,
    (cursor, options) => supervision.watchRoster({ sessionId, cursor }, options),
    merge,
  );
  const view = useCoalesced(latest, RENDER_INTERVAL_MS);
  // Compute the layout of the change now. Otherwise the browser would compute it together with the layout of scrolled
  // rows, in one task that is twice as long.
  useLayoutEffect(() => void document.body.offsetHeight, [view]);
  return useMemo(() => <Page view={view} connected={connected} problem={problem} />, [view, connected, problem]);
}

interface PageProps {
  view: RosterView | undefined;
  connected: boolean;
  problem: Problem | undefined;
}

function Page({ view, connected, problem }: PageProps): JSX.Element {
  const session = view?.session;
  if (view === undefined || session === undefined) {
    return (
      <>
        <PageTitle>{text.session}</PageTitle>
        {problem ? <ProblemNote problem={problem} /> : <Loading what={text.theRoster} />}
      </>
    );
  }
  const participants = [...view.participants.values()];
  return (
    <>
      <SessionBar session={session} participants={participants} connected={connected} problem={problem} />
      <AfterPaint>
        <Room session={session} participants={participants} live={view.messages} />
      </AfterPaint>
      <Toasts />
    </>
  );
}

interface RoomProps {
  session: Session;
  participants: readonly Participant[];
  live: readonly Message[];
}

/** The roster at the left, and the panel of the opened learner or of the session at the right. */
function Room({ session, participants, live }: RoomProps): JSX.Element {
  const may = maySupervise(session, participants);
  const console = useConsole();
  const incidents = useIncidents(session.sessionId, hasIncidents(session) && may);
  const entries = useEntries(session, participants, incidents);
  const opened = entries.find(({ personId }) => personId === console.opened);
  const { write } = incidents;
  return (
    <div class={opened ? "console opened" : "console"}>
      <Roster
        session={session}
        entries={entries}
        console={console}
        may={may && !isOver(session)}
        onReport={write && acceptsIncidents(session) ? (participantId) => write({ participantId }) : undefined}
      />
      <AfterPaint>
        {opened ? (
          <LearnerPanel
            session={session}
            entry={opened}
            console={console}
            live={live}
            incidents={incidents}
            may={may}
          />
        ) : (
          <SessionPanel session={session} participants={participants} live={live} incidents={incidents} may={may} />
        )}
      </AfterPaint>
      <IncidentEditor incidents={incidents} participants={participants} />
    </div>
  );
}

/** Return the rows of the roster, with the names and notes of the learners. */
function useEntries(
  session: Session,
  participants: readonly Participant[],
  { list }: Incidents,
): readonly RosterEntry[] {
  const invited = session.plan?.learnerIds ?? [];
  const everybody = useSameList([...participants.map(({ personId }) => personId), ...invited]);
  return useRosterEntries({
    participants,
    invited,
    name: useNames(everybody),
    note: useProctorNotes(everybody),
    incidents: (participantId) => list?.filter((incident) => incident.participantId === participantId).length ?? 0,
    over: isOver(session),
  });
}

/** Return the list of the previous rendering if it has the same items, and otherwise the new list. */
function useSameList(list: readonly string[]): readonly string[] {
  const before = useRef(list);
  const isSame = list.length === before.current.length && list.every((item, index) => item === before.current[index]);
  if (!isSame) before.current = list;
  return before.current;
}

// The proctor's side: their sessions, and one session with its roster, identity decisions, start, authorisation and end.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { codes, people, sessions, supervision } from "../calls";
import { AssessmentProgressState, IdentityState, type Participant, ParticipantState } from "../gen/proctorium/session/v1/lobby_pb";
import { type Session, SessionState } from "../gen/proctorium/session/v1/sessions_pb";
import type { WatchRosterResponse } from "../gen/proctorium/session/v1/supervision_pb";
import { useLive } from "../live";
import { Badge, Busy, dateTime, Link, ProblemNote, useAction, useLoaded } from "../parts";
import { IdentityDecision } from "./decision";

export function SupervisedSessionsPage(): JSX.Element {
  const { loaded, problem } = useLoaded("supervised", () => sessions.listSessions({ liveOnly: true }));
  return (
    <>
      <h1 tabIndex={-1}>Your sessions</h1>
      <ProblemNote problem={problem} />
      {loaded === undefined && problem === undefined && <Busy what="your sessions" />}
      {loaded?.sessions.length === 0 && <p>You have no sessions to supervise.</p>}
      <ul class="cards">
        {loaded?.sessions.map((session) => (
          <li key={session.sessionId} class="card">
            <h2>
              <Link to={`/supervise/${session.sessionId}`}>{session.plan?.title}</Link>
            </h2>
            <p class="row">
              <span>{dateTime(session.plan?.startTime)}</span>
              <SessionBadge session={session} />
              <span class="quiet">{session.participantCount} have joined</span>
            </p>
          </li>
        ))}
      </ul>
    </>
  );
}

function SessionBadge({ session }: { session: Session }): JSX.Element {
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

interface Roster {
  session: Session | undefined;
  participants: ReadonlyMap<string, Participant>;
}

/** The roster after one more message of the stream. */
function merge(before: Roster | undefined, { change }: WatchRosterResponse): Roster {
  const roster = before ?? { session: undefined, participants: new Map<string, Participant>() };
  switch (change.case) {
    case "snapshot":
      return {
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

export function SupervisePage({ sessionId }: { sessionId: string }): JSX.Element {
  const { view, connected, problem } = useLive<WatchRosterResponse, Roster>(
    sessionId,
    (cursor, signal) => supervision.watchRoster({ sessionId, cursor }, { signal, timeoutMs: 0 }),
    merge,
  );
  const session = view?.session;
  if (view === undefined || session === undefined) {
    return (
      <>
        <h1 tabIndex={-1}>Session</h1>
        {problem ? <ProblemNote problem={problem} /> : <Busy what="the roster" />}
      </>
    );
  }
  return (
    <>
      <h1 tabIndex={-1}>{session.plan?.title}</h1>
      <p class="row" role="status">
        <SessionBadge session={session} />
        <span>{dateTime(session.plan?.startTime)}</span>
        {!connected && <Badge tone="bad">Connection lost, coming back…</Badge>}
      </p>
      <ProblemNote problem={problem} />
      <SessionActions session={session} participants={[...view.participants.values()]} />
      <RosterTable session={session} participants={[...view.participants.values()]} />
    </>
  );
}

function SessionActions({ session, participants }: { session: Session; participants: Participant[] }): JSX.Element {
  const { busy, problem, run } = useAction();
  const [ending, setEnding] = useState(false);
  const request = (): { requestId: string; sessionId: string } => ({
    requestId: crypto.randomUUID(),
    sessionId: session.sessionId,
  });
  const lobbyOpen = session.state === SessionState.LOBBY_OPEN;
  const inProgress = session.state === SessionState.IN_PROGRESS;
  const waiting = participants.filter((one) => one.state === ParticipantState.WAITING).length;
  return (
    <section class="card">
      <div class="row">
        {session.state === SessionState.SCHEDULED && (
          <button type="button" disabled={busy} onClick={() => void run(() => sessions.openLobby(request()))}>
            Open the lobby
          </button>
        )}
        {lobbyOpen && (
          <button type="button" disabled={busy} onClick={() => void run(() => sessions.startSession(request()))}>
            Start the session ({waiting} waiting)
          </button>
        )}
        {inProgress &&
          session.plan?.assessmentIds.map((assessmentId) => (
            <button
              key={assessmentId}
              type="button"
              disabled={busy}
              onClick={() => void run(() => supervision.authorizeAssessment({ ...request(), assessmentId }))}
            >
              Authorise the assessment for all who are ready
            </button>
          ))}
        {inProgress && !ending && (
          <button type="button" class="plain" onClick={() => setEnding(true)}>
            End the session…
          </button>
        )}
        {inProgress && ending && (
          <>
            <span>Open attempts will be handed in.</span>
            <button type="button" class="danger" disabled={busy} onClick={() => void run(() => sessions.endSession(request()))}>
              End the session now
            </button>
            <button type="button" class="plain" onClick={() => setEnding(false)}>
              Go on
            </button>
          </>
        )}
        {session.state !== SessionState.ENDED && <Codes sessionId={session.sessionId} />}
      </div>
      <ProblemNote problem={problem} />
    </section>
  );
}

function Codes({ sessionId }: { sessionId: string }): JSX.Element | null {
  const { loaded } = useLoaded(sessionId, () => codes.listCodes({ sessionId }));
  const shared = loaded?.codes.find((code) => code.personId === "");
  if (shared === undefined) return null;
  return (
    <span>
      Enrollment code: <strong class="code">{shared.text}</strong>
    </span>
  );
}

/** Who needs the proctor most comes first. */
function attention(participant: Participant): number {
  if (participant.state !== ParticipantState.WAITING && participant.state !== ParticipantState.IN_SESSION) return 9;
  if (participant.identity === IdentityState.SUBMITTED) return 0;
  if (!participant.connected) return 1;
  if (participant.assessments.some((one) => one.state === AssessmentProgressState.AWAITING_AUTHORIZATION)) return 2;
  return 3;
}

function RosterTable({ session, participants }: { session: Session; participants: Participant[] }): JSX.Element {
  const ids = participants.map((participant) => participant.personId).sort();
  const { loaded } = useLoaded(ids.join(), () => people.listNames({ personIds: ids }));
  const names = new Map(loaded?.names.map((name) => [name.personId, name.legalName || name.preferredName]));
  const name = (participant: Participant): string => names.get(participant.personId) ?? "…";
  const sorted = [...participants].sort((a, b) => attention(a) - attention(b) || name(a).localeCompare(name(b)));
  if (sorted.length === 0) return <p>Nobody has joined yet.</p>;
  return (
    <div class="scroll">
      <table>
        <caption class="visually-hidden">Roster</caption>
        <thead>
          <tr>
            <th scope="col">Learner</th>
            <th scope="col">State</th>
            <th scope="col">Connection</th>
            <th scope="col">Identity</th>
            <th scope="col">Assessment</th>
          </tr>
        </thead>
        <tbody>
          {sorted.map((participant) => (
            <RosterRow key={participant.participantId} session={session} participant={participant} name={name(participant)} />
          ))}
        </tbody>
      </table>
    </div>
  );
}

function Connection({ participant }: { participant: Participant }): JSX.Element {
  if (participant.connected) return <Badge tone="good">Connected</Badge>;
  const over = participant.state !== ParticipantState.WAITING && participant.state !== ParticipantState.IN_SESSION;
  return <Badge tone={over ? "plain" : "bad"}>Away</Badge>;
}

const STATES: Readonly<Record<number, string>> = {
  [ParticipantState.WAITING]: "Waiting",
  [ParticipantState.IN_SESSION]: "In Session",
  [ParticipantState.COMPLETED]: "Completed",
  [ParticipantState.REMOVED]: "Removed",
  [ParticipantState.NO_SHOW]: "No-show",
};

function RosterRow({ session, participant, name }: { session: Session; participant: Participant; name: string }): JSX.Element {
  const { busy, problem, run } = useAction();
  return (
    <tr>
      <th scope="row">{name}</th>
      <td>{STATES[participant.state]}</td>
      <td>
        <Connection participant={participant} />
      </td>
      <td>
        <Identity session={session} participant={participant} name={name} />
      </td>
      <td>
        {participant.assessments.map((assessment) => (
          <div key={assessment.assessmentId} class="row">
            <Progress state={assessment.state} answered={assessment.answeredCount} all={assessment.itemCount} />
            {assessment.state === AssessmentProgressState.AWAITING_AUTHORIZATION &&
              participant.state === ParticipantState.IN_SESSION &&
              (participant.identity === IdentityState.UNSPECIFIED || participant.identity === IdentityState.VERIFIED) && (
                <button
                  type="button"
                  class="plain"
                  disabled={busy}
                  aria-label={`Authorise the assessment for ${name}`}
                  onClick={() =>
                    void run(() =>
                      supervision.authorizeAssessment({
                        requestId: crypto.randomUUID(),
                        sessionId: session.sessionId,
                        assessmentId: assessment.assessmentId,
                        participantIds: [participant.participantId],
                      }),
                    )
                  }
                >
                  Authorise
                </button>
              )}
          </div>
        ))}
        <ProblemNote problem={problem} />
      </td>
    </tr>
  );
}

function Identity({ session, participant, name }: { session: Session; participant: Participant; name: string }): JSX.Element {
  switch (participant.identity) {
    case IdentityState.UNSPECIFIED:
      return <span class="quiet">Not asked for</span>;
    case IdentityState.REQUESTED:
      return <Badge tone="plain">Pictures missing</Badge>;
    case IdentityState.RESUBMISSION_ASKED:
      return <Badge tone="plain">New pictures asked</Badge>;
    case IdentityState.VERIFIED:
      return <Badge tone="good">Verified</Badge>;
    case IdentityState.REJECTED:
      return <Badge tone="bad">Rejected</Badge>;
    default:
      return <IdentityDecision sessionId={session.sessionId} personId={participant.personId} name={name} />;
  }
}

function Progress({ state, answered, all }: { state: AssessmentProgressState; answered: number; all: number }): JSX.Element {
  switch (state) {
    case AssessmentProgressState.AUTHORIZED:
      return <Badge tone="wait">May begin</Badge>;
    case AssessmentProgressState.IN_PROGRESS:
      return (
        <span>
          {answered} of {all} saved
        </span>
      );
    case AssessmentProgressState.SUBMITTED:
      return <Badge tone="good">Handed in</Badge>;
    case AssessmentProgressState.RELEASED:
      return <Badge tone="good">Result released</Badge>;
    default:
      return <Badge tone="plain">Not authorised</Badge>;
  }
}

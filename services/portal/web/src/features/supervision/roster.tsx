// The roster of a session. Rows stand in the order of arrival and never move, so that nobody presses a button that has just become
// another learner's; what waits for the proctor is marked, counted, and can be shown alone. Who is invited and has not joined comes last.
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { supervision } from "../../api/client";
import { useAction } from "../../api/use-action";
import { Badge } from "../../components/badge";
import { ProblemNote } from "../../components/problem-note";
import {
  type AssessmentProgress,
  AssessmentProgressState,
  IdentityState,
  type Participant,
  ParticipantState,
} from "../../gen/proctorium/session/v1/lobby_pb";
import { type Session, SessionState } from "../../gen/proctorium/session/v1/sessions_pb";
import { counted } from "../../messages/format";
import { IdentityDecision } from "../identity/identity-decision";
import { useNames } from "../people/use-names";
import { isOver } from "../sessions/sessions-page";
import { useAssessmentTitles } from "../sessions/use-assessment-titles";
import { HeldResult } from "./held-result";
import { isLapsed, maySupervise } from "./permissions";
import { Removal } from "./removal";

export function RosterTable({ session, participants }: { session: Session; participants: Participant[] }): JSX.Element {
  const joined = new Set(participants.map(({ personId }) => personId));
  const absent = (session.plan?.learnerIds ?? []).filter((personId) => !joined.has(personId));
  const name = useNames([...joined, ...absent]);
  const title = useAssessmentTitles(session);
  const arrived = [...participants].sort(byArrival);
  const inNeed = isOver(session) ? [] : arrived.filter((participant) => needs(participant).length > 0);
  const filter = useFilter(arrived, inNeed);
  const over = isOver(session);
  const may = !over && maySupervise(session, participants);
  const shown = over ? arrived : filter.shown;
  if (arrived.length + absent.length === 0) return <p>{over ? "Nobody had joined." : "Nobody has joined yet."}</p>;
  const columns = over
    ? ["Learner", "State", "Identity", "Assessment"]
    : ["Learner", "Needs you", "State", "Connection", "Identity", "Assessment"];
  return (
    <section aria-labelledby="roster" class="stacking">
      <h2 id="roster">Learners</h2>
      <p role="status">
        {counted(arrived.length, "learner")}
        {absent.length > 0 &&
          session.state !== SessionState.CANCELLED &&
          ` joined, ${absent.length} ${over ? "did not come" : absent.length === 1 ? "is not here" : "are not here"}`}
        {!over && `; ${inNeed.length === 0 ? "nobody needs you now" : counted(inNeed.length, "needs you", "need you")}`}
        .
      </p>
      {!over && (
        <div class="row">
          <label class="choice">
            <input type="checkbox" checked={filter.on} onChange={(event) => filter.turn(event.currentTarget.checked)} />
            Show only who needs you
          </label>
          {filter.settled > 0 && (
            <button type="button" class="plain" onClick={filter.tidy}>
              Hide who needs nothing ({filter.settled})
            </button>
          )}
        </div>
      )}
      {filter.on && !over && shown.length === 0 ? (
        <p>Nobody needs you now. Who does appears here.</p>
      ) : (
        <table class="stacks" role="table">
          <caption class="visually-hidden">Roster, by time of arrival; who has not joined comes last</caption>
          <thead role="rowgroup">
            <tr role="row">
              {columns.map((column) => (
                <th key={column} scope="col" role="columnheader">
                  {column}
                </th>
              ))}
            </tr>
          </thead>
          <tbody role="rowgroup">
            {shown.map((participant) => (
              <RosterRow
                key={participant.participantId}
                session={session}
                participant={participant}
                name={name(participant.personId)}
                title={title}
                may={may}
              />
            ))}
            {(over || !filter.on) &&
              absent.map((personId) => <AbsentRow key={personId} session={session} name={name(personId)} />)}
          </tbody>
        </table>
      )}
    </section>
  );
}

/** By when they joined first; who never came stands at the end. */
function byArrival(one: Participant, other: Participant): number {
  const time = ({ joinTime }: Participant): number => (joinTime ? timestampMs(joinTime) : Number.MAX_SAFE_INTEGER);
  return time(one) - time(other) || one.participantId.localeCompare(other.participantId);
}

/** What waits for the proctor, in words. */
function needs(participant: Participant): string[] {
  if (!isPresent(participant) || isFinished(participant)) return [];
  const found: string[] = [];
  if (participant.identity === IdentityState.SUBMITTED) found.push("Identity to check");
  if (!participant.connected) found.push("Away");
  if (participant.assessments.some((assessment) => canBeAuthorised(participant, assessment)))
    found.push("To authorise");
  return found;
}

/** The result of somebody who was removed waits for an administrator. */
function isHeld({ state }: Participant, assessment: AssessmentProgress): boolean {
  return state === ParticipantState.REMOVED && assessment.state === AssessmentProgressState.SUBMITTED;
}

function isPresent({ state }: Participant): boolean {
  return state === ParticipantState.WAITING || state === ParticipantState.IN_SESSION;
}

/** Whoever has submitted everything may leave, and needs nobody. */
function isFinished({ assessments }: Participant): boolean {
  return assessments.length > 0 && assessments.every(({ state }) => state >= AssessmentProgressState.SUBMITTED);
}

/** Whether the proctor can authorise this assessment for a participant now. */
export function canBeAuthorised(participant: Participant, assessment: AssessmentProgress): boolean {
  return (
    assessment.state === AssessmentProgressState.AWAITING_AUTHORIZATION &&
    participant.state === ParticipantState.IN_SESSION &&
    (participant.identity === IdentityState.UNSPECIFIED || participant.identity === IdentityState.VERIFIED)
  );
}

interface Filter {
  on: boolean;
  shown: readonly Participant[];
  /** How many of those shown need nothing any more. */
  settled: number;
  turn: (on: boolean) => void;
  tidy: () => void;
}

/** Shows who needs the proctor alone: new ones come at the end, and who was dealt with stays until the proctor hides them. */
function useFilter(all: readonly Participant[], inNeed: readonly Participant[]): Filter {
  const [on, setOn] = useState(false);
  const [, redraw] = useState(0);
  const listed = useRef(new Set<string>());
  if (on) for (const { participantId } of inNeed) listed.current.add(participantId);
  const known = new Map(all.map((participant) => [participant.participantId, participant]));
  const chosen = [...listed.current].flatMap((id) => known.get(id) ?? []);
  const begin = (): void => {
    listed.current = new Set(inNeed.map(({ participantId }) => participantId));
    redraw((turn) => turn + 1);
  };
  return {
    on,
    shown: on ? chosen : all,
    settled: on ? chosen.filter((participant) => needs(participant).length === 0).length : 0,
    turn: (wanted) => {
      begin();
      setOn(wanted);
    },
    tidy: begin,
  };
}

const STATES: Readonly<Record<number, string>> = {
  [ParticipantState.WAITING]: "Waiting",
  [ParticipantState.IN_SESSION]: "In Session",
  [ParticipantState.COMPLETED]: "Completed",
  [ParticipantState.REMOVED]: "Removed",
  [ParticipantState.NO_SHOW]: "No-show",
  [ParticipantState.LEFT]: "Left, no assessment started",
};

/** Somebody who is invited and has never joined. */
function AbsentRow({ session, name }: { session: Session; name: string }): JSX.Element {
  const state =
    session.state === SessionState.CANCELLED
      ? "Called off"
      : session.state === SessionState.ENDED
        ? "No-show"
        : "Not here yet";
  const nothing = <span class="quiet">–</span>;
  return (
    <tr role="row">
      <th scope="row" role="rowheader">
        {name}
      </th>
      {!isOver(session) && (
        <td role="cell" data-label="Needs you">
          <span class="quiet">Nothing</span>
        </td>
      )}
      <td role="cell" data-label="State">
        {state}
      </td>
      {!isOver(session) && (
        <td role="cell" data-label="Connection">
          {nothing}
        </td>
      )}
      <td role="cell" data-label="Identity">
        {nothing}
      </td>
      <td role="cell" data-label="Assessment">
        {nothing}
      </td>
    </tr>
  );
}

interface RowProps {
  session: Session;
  participant: Participant;
  name: string;
  title: (assessmentId: string) => string;
  /** Whether the person who looks at the roster may act in the session. */
  may: boolean;
}

function RosterRow({ session, participant, name, title, may }: RowProps): JSX.Element {
  const over = isOver(session);
  const waits = over ? [] : needs(participant);
  const learner = useRef<HTMLTableCellElement>(null);
  return (
    <tr role="row" class={waits.length > 0 ? "marked" : ""}>
      <th scope="row" role="rowheader" ref={learner} tabIndex={-1}>
        {name}
      </th>
      {!over && (
        <td role="cell" data-label="Needs you">
          {waits.length > 0 ? <strong>{waits.join(", ")}</strong> : <span class="quiet">Nothing</span>}
        </td>
      )}
      <td role="cell" data-label="State">
        {session.state === SessionState.CANCELLED ? "Called off" : STATES[participant.state]}
        {may && isPresent(participant) && (
          <Removal participant={participant} sessionId={session.sessionId} name={name} />
        )}
      </td>
      {!over && (
        <td role="cell" data-label="Connection">
          <Connection participant={participant} />
        </td>
      )}
      <td role="cell" data-label="Identity">
        <Identity
          session={session}
          participant={participant}
          name={name}
          may={may}
          decided={() => learner.current?.focus()}
        />
      </td>
      <td role="cell" data-label="Assessment">
        {participant.assessments.map((assessment) => (
          <Assessment
            key={assessment.assessmentId}
            session={session}
            participant={participant}
            assessment={assessment}
            name={name}
            title={title(assessment.assessmentId)}
            may={may}
          />
        ))}
      </td>
    </tr>
  );
}

function Connection({ participant }: { participant: Participant }): JSX.Element {
  if (participant.connected) return <Badge tone="good">Connected</Badge>;
  return <Badge tone={isPresent(participant) && !isFinished(participant) ? "bad" : "plain"}>Away</Badge>;
}

interface AssessmentProps {
  session: Session;
  participant: Participant;
  assessment: AssessmentProgress;
  name: string;
  title: string;
  may: boolean;
}

function Assessment({ session, participant, assessment, name, title, may }: AssessmentProps): JSX.Element {
  const { busy, problem, run } = useAction();
  const authorise = (): Promise<void> =>
    run((requestId) =>
      supervision.authorizeAssessment({
        requestId,
        sessionId: session.sessionId,
        assessmentId: assessment.assessmentId,
        participantIds: [participant.participantId],
      }),
    );
  return (
    <div class="row">
      {participant.assessments.length > 1 && <span>{title}:</span>}
      {isHeld(participant, assessment) ? (
        <HeldResult attemptId={assessment.attemptId} personId={participant.personId} of={`“${title}” of ${name}`} />
      ) : (
        <Progress assessment={assessment} over={isOver(session) || !isPresent(participant)} />
      )}
      {may && canBeAuthorised(participant, assessment) && (
        <button type="button" class="plain" disabled={busy} onClick={() => void authorise()}>
          Authorise{" "}
          <span class="visually-hidden">
            “{title}” for {name}
          </span>
        </button>
      )}
      <ProblemNote problem={problem} />
    </div>
  );
}

interface IdentityProps {
  session: Session;
  participant: Participant;
  name: string;
  may: boolean;
  decided: () => void;
}

function Identity({ session, participant, name, may, decided }: IdentityProps): JSX.Element {
  const undecided = <span class="quiet">Not decided</span>;
  const decidedOn = [IdentityState.UNSPECIFIED, IdentityState.VERIFIED, IdentityState.REJECTED];
  if (isOver(session) && !decidedOn.includes(participant.identity)) return undecided;
  switch (participant.identity) {
    case IdentityState.UNSPECIFIED:
      return <span class="quiet">Not asked for</span>;
    case IdentityState.REQUESTED:
      return <Badge tone="plain">Pictures missing</Badge>;
    case IdentityState.RESUBMISSION_REQUESTED:
      return <Badge tone="plain">New pictures asked</Badge>;
    case IdentityState.VERIFIED:
      return <Badge tone="good">Verified</Badge>;
    case IdentityState.REJECTED:
      return <Badge tone="bad">Rejected</Badge>;
    default:
      if (!isPresent(participant)) return undecided;
      if (!may || isLapsed()) return <Badge tone="wait">Waiting for a decision</Badge>;
      return (
        <IdentityDecision sessionId={session.sessionId} personId={participant.personId} name={name} decided={decided} />
      );
  }
}

/** How far a learner is; `over` where they can start nothing any more. */
function Progress({ assessment, over }: { assessment: AssessmentProgress; over: boolean }): JSX.Element {
  const { state, answeredCount, itemCount } = assessment;
  switch (state) {
    case AssessmentProgressState.AUTHORIZED:
      return over ? <Badge tone="plain">Not started</Badge> : <Badge tone="wait">May begin</Badge>;
    case AssessmentProgressState.IN_PROGRESS:
      return (
        <span>
          {answeredCount} of {counted(itemCount, "answer")} saved{over && ", being submitted"}
        </span>
      );
    case AssessmentProgressState.SUBMITTED:
      return <Badge tone="good">{over ? "Submitted, result to come" : "Submitted"}</Badge>;
    case AssessmentProgressState.RELEASED:
      return <Badge tone="good">Result released</Badge>;
    case AssessmentProgressState.VOIDED:
      return <Badge tone="plain">Not started</Badge>;
    default:
      return <Badge tone="plain">{over ? "Not started" : "Not authorised"}</Badge>;
  }
}

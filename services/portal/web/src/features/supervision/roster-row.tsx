// The rows of the roster.
import type { ComponentChildren, JSX } from "preact";
import { useRef } from "preact/hooks";
import { supervision } from "../../api/client";
import { useAction } from "../../api/use-action";
import { Badge } from "../../components/badge";
import { ProblemNote } from "../../components/problem-note";
import {
  type AssessmentProgress,
  AssessmentProgressState,
  IdentityState,
  type Participant,
} from "../../gen/proctorium/session/v1/lobby_pb";
import { type Session, SessionState } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { IdentityDecision } from "../identity/identity-decision";
import { opensReport } from "../incidents/incidents";
import type { Incidents } from "../incidents/use-incidents";
import { WriteIncident } from "../incidents/write-incident";
import { type OpenConversation, OpenMessages } from "../messages/staff-messages";
import { CheckIdentityAgain } from "../order/identity-again";
import { Denied } from "../order/late-entries";
import { Withdrawal } from "../order/withdrawal";
import { ParticipantAccess } from "../removal/participant-access";
import { isOverFor } from "../removal/removed";
import { isOver } from "../sessions/sessions";
import { needsOf } from "./attention";
import { HeldResult } from "./held-result";
import { throwRefusal } from "./outcomes";
import { PARTICIPANT_STATES } from "./participant-states";
import { ParticipantTime } from "./participant-time";
import { canBeAuthorised, isFinished, isInSession, isPresent, isResultHeld } from "./participants";
import { isLapsed } from "./permissions";

const text = messages.supervision;

function Cell({ label, children }: { label: string; children: ComponentChildren }): JSX.Element {
  return (
    <td role="cell" data-label={label}>
      {children}
    </td>
  );
}

function ProctorNote({ note }: { note: string }): JSX.Element | null {
  if (note === "") return null;
  return (
    <p class="hint">
      {text.proctorNote}{" "}
      <span dir="auto" translate={false}>
        {note}
      </span>
    </p>
  );
}

interface AbsentRowProps {
  session: Session;
  name: string;
  /** The note for proctors from the learner's accommodations; empty if there is none. */
  note: string;
  incidents: Incidents | undefined;
  conversation: OpenConversation | undefined;
}

/** The row of an invited learner who has not joined. No incident can be written about this learner. */
export function AbsentRow({ session, name, note, incidents, conversation }: AbsentRowProps): JSX.Element {
  const nothing = <span class="quiet">–</span>;
  return (
    <tr role="row">
      <th scope="row" role="rowheader" dir="auto">
        {name}
        <ProctorNote note={note} />
      </th>
      {!isOver(session) && (
        <Cell label={text.columns.attention}>
          <span class="quiet">{text.nothing}</span>
        </Cell>
      )}
      <Cell label={text.columns.state}>{absentState(session)}</Cell>
      {!isOver(session) && <Cell label={text.columns.connection}>{nothing}</Cell>}
      <Cell label={text.columns.identity}>{nothing}</Cell>
      <Cell label={text.columns.assessment}>{nothing}</Cell>
      {conversation && <Cell label={text.columns.messages}>{nothing}</Cell>}
      {incidents?.write && <Cell label={text.columns.incidents}>{nothing}</Cell>}
    </tr>
  );
}

function absentState({ state }: Session): string {
  if (state === SessionState.CANCELLED) return text.participantState.cancelled;
  return state === SessionState.ENDED ? text.participantState.noShow : text.participantState.notJoined;
}

interface RosterRowProps {
  session: Session;
  participant: Participant;
  name: string;
  note: string;
  title: (assessmentId: string) => string;
  /** Whether the person who views the roster can act in the session. */
  may: boolean;
  /** The incidents of the session, if it can have new ones. */
  incidents: Incidents | undefined;
  /** The conversation that is open, if the person may read messages. */
  conversation: OpenConversation | undefined;
}

export function RosterRow({
  session,
  participant,
  name,
  note,
  title,
  may,
  incidents,
  conversation,
}: RosterRowProps): JSX.Element {
  const over = isOver(session);
  const needs = over ? [] : needsOf(participant);
  const learner = useRef<HTMLTableCellElement>(null);
  const write = incidents?.write;
  const { participantId } = participant;
  const reportOnKey = (event: KeyboardEvent): void => {
    if (write === undefined || !opensReport(event, event.target as Element)) return;
    event.preventDefault();
    write({ participantId });
  };
  return (
    <tr role="row" class={needs.length > 0 ? "marked" : ""} onKeyDown={reportOnKey}>
      <th
        scope="row"
        role="rowheader"
        dir="auto"
        ref={learner}
        tabIndex={write ? 0 : -1}
        aria-keyshortcuts={write ? "i" : undefined}
      >
        {name}
        <ProctorNote note={note} />
      </th>
      {!over && (
        <Cell label={text.columns.attention}>
          {needs.length > 0 ? (
            <strong>{needs.map((need) => text.need[need]).join(", ")}</strong>
          ) : (
            <span class="quiet">{text.nothing}</span>
          )}
        </Cell>
      )}
      <Cell label={text.columns.state}>
        {session.state === SessionState.CANCELLED
          ? text.participantState.cancelled
          : PARTICIPANT_STATES[participant.state]}
        <ParticipantTime session={session} participant={participant} name={name} may={may} />
        <Denied participant={participant} name={name} may={may} />
        <ParticipantAccess session={session} participant={participant} name={name} may={may} />
      </Cell>
      {!over && (
        <Cell label={text.columns.connection}>
          <Connection participant={participant} />
        </Cell>
      )}
      <Cell label={text.columns.identity}>
        <Identity
          session={session}
          participant={participant}
          name={name}
          may={may}
          onDecided={() => learner.current?.focus()}
        />
      </Cell>
      <Cell label={text.columns.assessment}>
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
      </Cell>
      {conversation && (
        <Cell label={text.columns.messages}>
          <OpenMessages participant={participant} name={name} conversation={conversation} />
        </Cell>
      )}
      {write && (
        <Cell label={text.columns.incidents}>
          <LearnerIncidents incidents={incidents} participantId={participantId} name={name} />
        </Cell>
      )}
    </tr>
  );
}

/** The number of incidents about a learner, and the button to report one. */
function LearnerIncidents({
  incidents: { list, ...form },
  participantId,
  name,
}: {
  incidents: Incidents;
  participantId: string;
  name: string;
}): JSX.Element {
  const count = list?.filter((incident) => incident.participantId === participantId).length ?? 0;
  return (
    <>
      {count > 0 && <p class="count">{messages.incidents.count(count)}</p>}
      <WriteIncident
        subject={{ participantId }}
        label={messages.incidents.reportShort}
        about={messages.incidents.aboutLearner(name)}
        {...form}
      />
    </>
  );
}

function Connection({ participant }: { participant: Participant }): JSX.Element {
  if (participant.connected) return <Badge tone="good">{text.connected}</Badge>;
  return <Badge tone={isPresent(participant) && !isFinished(participant) ? "bad" : "plain"}>{text.disconnected}</Badge>;
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
    run(async (requestId) => {
      const { outcomes } = await supervision.authorizeAssessment({
        requestId,
        sessionId: session.sessionId,
        assessmentId: assessment.assessmentId,
        participantIds: [participant.participantId],
      });
      throwRefusal(outcomes);
    });
  return (
    <div class="row">
      {participant.assessments.length > 1 && (
        <span>
          <bdi>{title}</bdi>:
        </span>
      )}
      {isResultHeld(participant, assessment) ? (
        <HeldResult
          attemptId={assessment.attemptId}
          personId={participant.personId}
          of={text.assessmentOf(title, name)}
        />
      ) : (
        <Progress assessment={assessment} over={isOver(session) || isOverFor(session, participant)} />
      )}
      {may && canBeAuthorised(participant, assessment) && (
        <button type="button" class="plain" disabled={busy} onClick={() => void authorise()}>
          {text.authorise} <span class="visually-hidden">{text.assessmentFor(title, name)}</span>
        </button>
      )}
      <Withdrawal participant={participant} assessment={assessment} name={name} title={title} may={may} />
      <ProblemNote problem={problem} />
    </div>
  );
}

interface IdentityProps {
  session: Session;
  participant: Participant;
  name: string;
  may: boolean;
  onDecided: () => void;
}

function Identity({ session, participant, name, may, onDecided }: IdentityProps): JSX.Element {
  const undecided = <span class="quiet">{text.identityState.undecided}</span>;
  const final = [IdentityState.NOT_REQUIRED, IdentityState.VERIFIED, IdentityState.REJECTED];
  if (isOver(session) && !final.includes(participant.identity)) return undecided;
  switch (participant.identity) {
    case IdentityState.NOT_REQUIRED:
      return <span class="quiet">{text.identityState.notRequested}</span>;
    case IdentityState.REQUESTED:
      return <Badge tone="plain">{text.identityState.photosMissing}</Badge>;
    case IdentityState.RESUBMISSION_REQUESTED:
      return <Badge tone="plain">{text.identityState.newPhotosRequested}</Badge>;
    case IdentityState.VERIFIED:
      return (
        <>
          <Badge tone="good">{text.identityState.verified}</Badge>
          {may && isInSession(participant) && <CheckIdentityAgain participant={participant} name={name} />}
        </>
      );
    case IdentityState.REJECTED:
      return <Badge tone="bad">{text.identityState.rejected}</Badge>;
    default:
      if (!isPresent(participant)) return undecided;
      if (!may || isLapsed()) return <Badge tone="wait">{text.identityState.waiting}</Badge>;
      return (
        <IdentityDecision
          sessionId={session.sessionId}
          personId={participant.personId}
          name={name}
          onDecided={onDecided}
        />
      );
  }
}

/** Shows the progress of a learner in an assessment. `over` is true if the learner can no longer start it. */
function Progress({ assessment, over }: { assessment: AssessmentProgress; over: boolean }): JSX.Element {
  const { state, answeredCount, itemCount } = assessment;
  const { progress } = text;
  switch (state) {
    case AssessmentProgressState.AUTHORIZED:
      return over ? <Badge tone="plain">{progress.notStarted}</Badge> : <Badge tone="wait">{progress.canStart}</Badge>;
    case AssessmentProgressState.IN_PROGRESS: {
      const saved = progress.saved(answeredCount, itemCount);
      return <span>{over ? progress.beingSubmitted(saved) : saved}</span>;
    }
    case AssessmentProgressState.SUBMITTED:
      return <Badge tone="good">{over ? progress.submittedResultToCome : progress.submitted}</Badge>;
    case AssessmentProgressState.RELEASED:
      return <Badge tone="good">{progress.released}</Badge>;
    case AssessmentProgressState.VOIDED:
      return <Badge tone="plain">{progress.notStarted}</Badge>;
    default:
      return <Badge tone="plain">{over ? progress.notStarted : progress.notAuthorised}</Badge>;
  }
}

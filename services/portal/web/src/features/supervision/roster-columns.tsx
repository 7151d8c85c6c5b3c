// The columns of the roster.
import type { JSX } from "preact";
import { serverNow } from "../../api/server-time";
import { Badge } from "../../components/badge";
import type { Column } from "../../components/data-table";
import { useNow } from "../../components/use-now";
import { type AssessmentProgress, AssessmentProgressState } from "../../gen/proctorium/session/v1/lobby_pb";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { compareTexts } from "../../messages/format";
import { secondsLeft } from "../closing/open-attempts";
import { UnreadBadge } from "../messages/unread-badge";
import { isOverFor } from "../removal/removed";
import { isOver } from "../sessions/sessions";
import { byFinishedUnits, courseProgressText } from "./course-progress";
import { AttemptProgress, Connection, IdentityBadge, ProctorNote, stateText } from "./participant-facts";
import { isResultHeld } from "./participants";
import type { RosterEntry } from "./roster-entry";

const text = messages.supervision;

/** Return the columns. `title` returns the title of an assessment. */
export function rosterColumns(session: Session, title: (assessmentId: string) => string): Column<RosterEntry>[] {
  const over = isOver(session);
  const { learner, attention, state, identity, assessment, course } = text.columns;
  const columns: (Column<RosterEntry> | false)[] = [
    {
      id: "learner",
      title: learner,
      width: "minmax(8rem, 1.6fr)",
      compare: (one, other) => compareTexts(one.name, other.name),
      cell: (entry) => <BelowName entry={entry} />,
    },
    !over && {
      id: "attention",
      title: attention,
      width: "minmax(6.75rem, 1.1fr)",
      cell: (entry) => <Needs entry={entry} />,
    },
    {
      id: "state",
      title: state,
      width: "minmax(6.75rem, 1fr)",
      compare: (one, other) => compareTexts(stateText(session, one.participant), stateText(session, other.participant)),
      cell: (entry) => <State session={session} entry={entry} />,
    },
    {
      id: "identity",
      title: identity,
      width: "minmax(6rem, 1fr)",
      compare: (one, other) => (one.participant?.identity ?? 0) - (other.participant?.identity ?? 0),
      cell: ({ participant }) => participant && <IdentityBadge session={session} participant={participant} />,
    },
    {
      id: "assessment",
      title: assessment,
      width: "minmax(7.5rem, 1.2fr)",
      compare: (one, other) => answered(one) - answered(other),
      cell: (entry) => <Assessments session={session} entry={entry} title={title} />,
    },
    {
      id: "course",
      title: course,
      width: "minmax(6.25rem, 0.7fr)",
      compare: (one, other) => byFinishedUnits(one.participant, other.participant),
      cell: ({ participant }) => participant?.courseProgress && courseProgressText(participant.courseProgress),
    },
  ];
  return columns.filter((column) => column !== false);
}

function answered({ participant }: RosterEntry): number {
  return (participant?.assessments ?? []).reduce(
    (sum, { state, answeredCount }) => sum + 1000 * state + answeredCount,
    0,
  );
}

/** What is shown below the name: the note for proctors, unread messages and incidents. */
function BelowName({ entry: { note, participant, incidents } }: { entry: RosterEntry }): JSX.Element {
  return (
    <>
      <ProctorNote note={note} />
      <span class="row">
        <UnreadBadge count={participant?.conversation?.proctorsUnreadCount ?? 0} />
        {incidents > 0 && <span class="count quiet">{messages.incidents.count(incidents)}</span>}
      </span>
    </>
  );
}

function Needs({ entry: { needs } }: { entry: RosterEntry }): JSX.Element | null {
  if (needs.length === 0) return null;
  return (
    <span class="row">
      {needs.map((need) => (
        <Badge key={need} tone={need === "disconnected" ? "bad" : "wait"}>
          {text.need[need]}
        </Badge>
      ))}
    </span>
  );
}

/** The state, and the connection if the needs do not already show that it is lost. */
function State({ session, entry: { participant, needs } }: { session: Session; entry: RosterEntry }): JSX.Element {
  return (
    <span class="row">
      {stateText(session, participant)}
      {participant && !isOver(session) && !needs.includes("disconnected") && <Connection participant={participant} />}
    </span>
  );
}

interface AssessmentsProps {
  session: Session;
  entry: RosterEntry;
  title: (assessmentId: string) => string;
}

function Assessments({ session, entry: { participant }, title }: AssessmentsProps): JSX.Element | null {
  if (participant === undefined) return null;
  const over = isOver(session) || isOverFor(session, participant);
  return (
    <>
      {participant.assessments.map((assessment) => (
        <div key={assessment.assessmentId} class="row">
          {participant.assessments.length > 1 && (
            <span>
              <bdi>{title(assessment.assessmentId)}</bdi>:
            </span>
          )}
          {isResultHeld(participant, assessment) ? (
            <Badge tone="wait">{text.resultHeld}</Badge>
          ) : (
            <AttemptProgress assessment={assessment} over={over} />
          )}
          {!over && assessment.state === AssessmentProgressState.IN_PROGRESS && <TimeLeft assessment={assessment} />}
        </div>
      ))}
    </>
  );
}

/** The remaining time of an attempt in progress, in minutes. */
function TimeLeft({ assessment }: { assessment: AssessmentProgress }): JSX.Element | null {
  const now = useNow();
  const seconds = secondsLeft(assessment, serverNow() ?? now);
  return seconds === undefined ? null : <span class="quiet">{messages.console.minutesLeft(seconds)}</span>;
}

// What the roster and the panel of a learner show about a participant.
import type { JSX } from "preact";
import { Badge } from "../../components/badge";
import {
  type AssessmentProgress,
  AssessmentProgressState,
  IdentityState,
  type Participant,
} from "../../gen/proctorium/session/v1/lobby_pb";
import { type Session, SessionState } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { isOver } from "../sessions/sessions";
import { PARTICIPANT_STATES } from "./participant-states";
import { isFinished, isPresent } from "./participants";

const text = messages.supervision;

/** Return the state of a learner in a session. `participant` is undefined if the learner has not joined. */
export function stateText({ state }: Session, participant: Participant | undefined): string {
  if (state === SessionState.CANCELLED) return text.participantState.cancelled;
  if (participant) return PARTICIPANT_STATES[participant.state] ?? "";
  return state === SessionState.ENDED ? text.participantState.noShow : text.participantState.notJoined;
}

export function ProctorNote({ note }: { note: string }): JSX.Element | null {
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

export function Connection({ participant }: { participant: Participant }): JSX.Element {
  if (participant.connected) return <Badge tone="good">{text.connected}</Badge>;
  return <Badge tone={isPresent(participant) && !isFinished(participant) ? "bad" : "plain"}>{text.disconnected}</Badge>;
}

interface IdentityBadgeProps {
  session: Session;
  participant: Participant;
}

const FINAL_IDENTITIES: readonly IdentityState[] = [
  IdentityState.NOT_REQUIRED,
  IdentityState.VERIFIED,
  IdentityState.REJECTED,
];

/** The state of the identity check. If the session ended before the decision, the check is shown as not decided. */
export function IdentityBadge({ session, participant }: IdentityBadgeProps): JSX.Element {
  const { identity } = participant;
  const undecided = <span class="quiet">{text.identityState.undecided}</span>;
  if (isOver(session) && !FINAL_IDENTITIES.includes(identity)) return undecided;
  switch (identity) {
    case IdentityState.NOT_REQUIRED:
      return <span class="quiet">{text.identityState.notRequested}</span>;
    case IdentityState.REQUESTED:
      return <Badge tone="plain">{text.identityState.photosMissing}</Badge>;
    case IdentityState.RESUBMISSION_REQUESTED:
      return <Badge tone="plain">{text.identityState.newPhotosRequested}</Badge>;
    case IdentityState.VERIFIED:
      return <Badge tone="good">{text.identityState.verified}</Badge>;
    case IdentityState.REJECTED:
      return <Badge tone="bad">{text.identityState.rejected}</Badge>;
    default:
      return isPresent(participant) ? <Badge tone="wait">{text.identityState.waiting}</Badge> : undecided;
  }
}

/** Shows the progress of a learner in an assessment. `over` is true if the learner can no longer start it. */
export function AttemptProgress({ assessment, over }: { assessment: AssessmentProgress; over: boolean }): JSX.Element {
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

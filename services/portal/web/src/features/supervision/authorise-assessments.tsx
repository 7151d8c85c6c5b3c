// The buttons that authorise an assessment for all learners who are ready for it. After an authorisation, its outcome
// is shown.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { supervision } from "../../api/client";
import { useAction } from "../../api/use-action";
import { ProblemNote } from "../../components/problem-note";
import { AssessmentProgressState, type Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";
import type { AuthorizeAssessmentResponse, ParticipantError } from "../../gen/proctorium/session/v1/supervision_pb";
import { messages } from "../../messages";
import { useAssessmentTitles } from "../sessions/use-assessment-titles";
import { changedParticipants, refusals } from "./outcomes";
import { isInSession, isReadyFor } from "./participants";

const text = messages.supervision;

interface AuthoriseAssessmentsProps {
  session: Session;
  participants: readonly Participant[];
}

/** Shows a button for each assessment. The button is prominent while a participant is ready for the assessment. */
export function AuthoriseAssessments({ session, participants }: AuthoriseAssessmentsProps): JSX.Element | null {
  const { busy, problem, run } = useAction();
  const [last, setLast] = useState<Authorisation | undefined>(undefined);
  const { sessionId } = session;
  const assessmentIds = session.plan?.assessmentIds ?? [];
  const title = useAssessmentTitles(session);
  const what = (assessmentId: string): string =>
    assessmentIds.length > 1 ? text.quoted(title(assessmentId)) : text.theAssessment;
  const authorise = (assessmentId: string): Promise<void> =>
    run(async (requestId) => {
      setLast(undefined);
      setLast({
        assessmentId,
        response: await supervision.authorizeAssessment({ requestId, sessionId, assessmentId }),
      });
    }, assessmentId);
  if (assessmentIds.length === 0) return null;
  return (
    <div class="part">
      <div class="row">
        {assessmentIds.map((assessmentId) => (
          <button
            key={assessmentId}
            type="button"
            class={participants.some((one) => isReadyFor(one, assessmentId, session)) ? "" : "plain"}
            disabled={busy}
            onClick={() => void authorise(assessmentId)}
          >
            {text.authoriseAll(what(assessmentId))}
          </button>
        ))}
      </div>
      <div role="status">
        {last && (
          <Outcome authorisation={last} session={session} participants={participants} what={what(last.assessmentId)} />
        )}
      </div>
      <ProblemNote problem={problem} />
    </div>
  );
}

interface Authorisation {
  assessmentId: string;
  response: AuthorizeAssessmentResponse;
}

/**
 * Shows how many learners can start now, and why others cannot. The outcome disappears when the roster has changed so
 * that the outcome is no longer true.
 */
function Outcome({
  authorisation,
  session,
  participants,
  what,
}: {
  authorisation: Authorisation;
  session: Session;
  participants: readonly Participant[];
  what: string;
}): JSX.Element | null {
  const { assessmentId, response } = authorisation;
  const byId = new Map(participants.map((one) => [one.participantId, one]));
  const authorised = changedParticipants(response.outcomes);
  const canStart = authorised.filter(
    (one) => !hasStartedOrLeft(byId.get(one.participantId) ?? one, assessmentId),
  ).length;
  const hadAny = authorised.length > 0;
  const isOld = hadAny ? canStart === 0 : participants.some((one) => isReadyFor(one, assessmentId, session));
  return isOld ? null : <p>{outcomeText(canStart, refusals(response.outcomes), what)}</p>;
}

/** Return whether a participant has started the assessment, or has left the session and will not start it. */
function hasStartedOrLeft(participant: Participant, assessmentId: string): boolean {
  const progress = participant.assessments.find((one) => one.assessmentId === assessmentId);
  return !isInSession(participant) || (progress?.state ?? 0) > AssessmentProgressState.AUTHORIZED;
}

function outcomeText(canStart: number, refused: readonly ParticipantError[], what: string): string {
  if (canStart === 0 && refused.length === 0) return text.nobodyWaitsFor(what);
  const unverified = refused.filter(({ reason }) => reason === "IDENTITY_NOT_VERIFIED").length;
  const absent = refused.length - unverified;
  return [
    canStart > 0 ? text.canStart(canStart, what) : text.nobodyNew(what),
    unverified > 0 && text.notVerified(unverified),
    absent > 0 && text.notInSession(absent),
  ]
    .filter(Boolean)
    .join(" ");
}

// Authorising an assessment for all who are ready, and what came of it.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { supervision } from "../../api/client";
import { useAction } from "../../api/use-action";
import { ProblemNote } from "../../components/problem-note";
import { AssessmentProgressState, type Participant, ParticipantState } from "../../gen/proctorium/session/v1/lobby_pb";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";
import type { AuthorizeAssessmentResponse } from "../../gen/proctorium/session/v1/supervision_pb";
import { counted } from "../../messages/format";
import { useAssessmentTitles } from "../sessions/use-assessment-titles";
import { canBeAuthorised } from "./roster";

interface AuthorisationProps {
  session: Session;
  participants: readonly Participant[];
}

/** A button for each assessment, prominent while somebody is ready for it. */
export function Authorisation({ session, participants }: AuthorisationProps): JSX.Element | null {
  const { busy, problem, run } = useAction();
  const [last, setLast] = useState<Authorised | undefined>(undefined);
  const { sessionId } = session;
  const assessmentIds = session.plan?.assessmentIds ?? [];
  const title = useAssessmentTitles(session);
  const what = (assessmentId: string): string =>
    assessmentIds.length > 1 ? `“${title(assessmentId)}”` : "the assessment";
  const authorise = (assessmentId: string): Promise<void> =>
    run(async (requestId) => {
      setLast(undefined);
      setLast({ assessmentId, answer: await supervision.authorizeAssessment({ requestId, sessionId, assessmentId }) });
    }, assessmentId);
  if (assessmentIds.length === 0) return null;
  return (
    <div class="part">
      <div class="row">
        {assessmentIds.map((assessmentId) => (
          <button
            key={assessmentId}
            type="button"
            class={isReadyFor(assessmentId, participants) ? "" : "plain"}
            disabled={busy}
            onClick={() => void authorise(assessmentId)}
          >
            Authorise {what(assessmentId)} for all who are ready
          </button>
        ))}
      </div>
      <div role="status">
        {last && <Said authorised={last} participants={participants} what={what(last.assessmentId)} />}
      </div>
      <ProblemNote problem={problem} />
    </div>
  );
}

function isReadyFor(assessmentId: string, participants: readonly Participant[]): boolean {
  return participants.some((one) =>
    one.assessments.some((progress) => progress.assessmentId === assessmentId && canBeAuthorised(one, progress)),
  );
}

interface Authorised {
  assessmentId: string;
  answer: AuthorizeAssessmentResponse;
}

/** Who may begin, and why others may not, for as long as the roster bears it out. */
function Said({
  authorised,
  participants,
  what,
}: {
  authorised: Authorised;
  participants: readonly Participant[];
  what: string;
}): JSX.Element | null {
  const { assessmentId, answer } = authorised;
  const known = new Map(participants.map((one) => [one.participantId, one]));
  const mayStart = answer.authorized.filter(
    (one) => !hasStarted(known.get(one.participantId) ?? one, assessmentId),
  ).length;
  const hadAny = answer.authorized.length > 0;
  const isOld = hadAny ? mayStart === 0 : isReadyFor(assessmentId, participants);
  return isOld ? null : <p>{sentence(mayStart, answer, what)}</p>;
}

/** Whoever has left the session does not begin any more. */
function hasStarted({ state, assessments: progresses }: Participant, assessmentId: string): boolean {
  const progress = progresses.find((one) => one.assessmentId === assessmentId);
  return state !== ParticipantState.IN_SESSION || (progress?.state ?? 0) > AssessmentProgressState.AUTHORIZED;
}

function sentence(mayStart: number, { leftOut }: AuthorizeAssessmentResponse, what: string): string {
  if (mayStart === 0 && leftOut.length === 0) return `Nobody is waiting for ${what}.`;
  const unverified = leftOut.filter(({ reason }) => reason === "IDENTITY_NOT_VERIFIED").length;
  const absent = leftOut.length - unverified;
  return [
    mayStart > 0 ? `${counted(mayStart, "learner")} may begin ${what}.` : `Nobody new may begin ${what}.`,
    unverified > 0 && `${counted(unverified, "learner")} left out: identity not verified.`,
    absent > 0 && `${counted(absent, "learner")} left out: not in the session.`,
  ]
    .filter(Boolean)
    .join(" ");
}

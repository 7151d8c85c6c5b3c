// A learner's session: the lobby, which is replaced by the course content when the session starts.
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { attempts, courses, lobby, people } from "../../api/client";
import { useQuery } from "../../api/use-query";
import { useStream } from "../../api/use-stream";
import { Badge } from "../../components/badge";
import { HelpContact } from "../../components/help-contact";
import { Link } from "../../components/link";
import { Loading } from "../../components/loading";
import { PageTitle } from "../../components/page-title";
import { ProblemNote } from "../../components/problem-note";
import {
  type AssessmentProgress,
  AssessmentProgressState,
  IdentityState,
  type Participant,
  ParticipantState,
  type WatchSessionResponse,
} from "../../gen/proctorium/session/v1/lobby_pb";
import { type Session, SessionState } from "../../gen/proctorium/session/v1/sessions_pb";
import { dateTime } from "../../messages/format";
import { SignedInAs } from "../account/sign-out";
import { Outline } from "../courses/course-page";
import { nextStep } from "../exam/next-step";
import { IdentityEvidence } from "../identity/identity-check";
import { SessionBadge } from "../sessions/sessions-page";
import { useAssessmentTitles } from "../sessions/use-assessment-titles";

export function SessionPage({ sessionId }: { sessionId: string }): JSX.Element {
  const { view, connected, problem } = useStream<WatchSessionResponse, WatchSessionResponse>(
    sessionId,
    (cursor, options) => lobby.watchSession({ sessionId, cursor }, options),
    (_, message) => message,
  );
  const session = view?.session;
  const participant = view?.participant;
  if (session === undefined || participant === undefined) {
    return (
      <>
        <PageTitle>Session</PageTitle>
        {problem === undefined && <Loading what="the session" />}
        {problem?.reason === "NOT_FOUND" ? (
          <p>You have not joined this session yet. Type the enrollment code that you were given.</p>
        ) : (
          <ProblemNote problem={problem} />
        )}
        {problem && (
          <p>
            <Link to="/join" class="button">
              Enter Enrollment Code
            </Link>
          </p>
        )}
      </>
    );
  }
  return (
    <>
      <PageTitle>{session.plan?.title}</PageTitle>
      <p class="row" role="status" aria-live="polite">
        {session.state === SessionState.CANCELLED ? (
          <SessionBadge session={session} />
        ) : (
          <ParticipantBadge participant={participant} />
        )}
        {!connected && problem === undefined && <Badge tone="bad">Connection lost, coming back…</Badge>}
      </p>
      <ProblemNote problem={problem} />
      {participant.state <= ParticipantState.IN_SESSION && <SignedInAs />}
      <Phase session={session} participant={participant} />
    </>
  );
}

function Phase({ session, participant }: { session: Session; participant: Participant }): JSX.Element {
  if (session.state === SessionState.CANCELLED) return <CalledOff />;
  const present = participant.state === ParticipantState.WAITING || participant.state === ParticipantState.IN_SESSION;
  if (session.state === SessionState.ENDED && present) return <Over session={session} participant={participant} />;
  switch (participant.state) {
    case ParticipantState.WAITING:
      return <Lobby session={session} participant={participant} />;
    case ParticipantState.IN_SESSION:
      return <InSession session={session} participant={participant} />;
    case ParticipantState.REMOVED:
      return (
        <div class="note problem">
          <p>You were removed from this session. The reason: {participant.removalReason}</p>
          <p>
            The answers that were saved by then were submitted. An administrator decides whether the result is released.
          </p>
          <HelpContact />
        </div>
      );
    case ParticipantState.NO_SHOW:
      return (
        <>
          <p>This session ended before you were in it. If you have questions, ask your administrator.</p>
          <HelpContact />
        </>
      );
    default:
      return <Over session={session} participant={participant} />;
  }
}

function CalledOff(): JSX.Element {
  return (
    <section class="card">
      <p>
        This session has been called off. That is not your doing, and your administrator will tell you what comes next.
      </p>
      <HelpContact />
    </section>
  );
}

function ParticipantBadge({ participant }: { participant: Participant }): JSX.Element {
  switch (participant.state) {
    case ParticipantState.WAITING:
      return <Badge tone="wait">Waiting</Badge>;
    case ParticipantState.IN_SESSION:
      return <Badge tone="good">In Session</Badge>;
    case ParticipantState.COMPLETED:
      return <Badge tone="plain">Completed</Badge>;
    case ParticipantState.REMOVED:
      return <Badge tone="bad">Removed</Badge>;
    case ParticipantState.LEFT:
      return <Badge tone="plain">Ended, nothing started</Badge>;
    default:
      return <Badge tone="plain">No-show</Badge>;
  }
}

function Lobby({ session, participant }: { session: Session; participant: Participant }): JSX.Element {
  return (
    <section class="card">
      <h2>Session lobby</h2>
      <p>
        You are in the right place. When the session starts, this page shows the course content automatically. Planned
        start: <strong>{dateTime(session.plan?.startTime)}</strong>.
      </p>
      <Proctors session={session} />
      <Readiness session={session} participant={participant} />
    </section>
  );
}

function Proctors({ session }: { session: Session }): JSX.Element | null {
  const ids = session.plan?.proctorIds ?? [];
  const { data } = useQuery(ids.join(), () => people.batchGetNames({ personIds: ids }));
  if (!data?.names.length) return null;
  return <p>Proctor: {data.names.map((name) => name.preferredName).join(", ")}</p>;
}

function Readiness({ session, participant }: { session: Session; participant: Participant }): JSX.Element | null {
  if (participant.identity === IdentityState.UNSPECIFIED) return null;
  return (
    <section>
      <h3>Identity check</h3>
      <IdentityEvidence sessionId={session.sessionId} state={participant.identity} />
    </section>
  );
}

function InSession({ session, participant }: { session: Session; participant: Participant }): JSX.Element {
  const title = useNames(session, participant);
  const courseId = session.plan?.courseId ?? "";
  const { data, problem } = useQuery(courseId, () => courses.getCourse({ courseId }));
  return (
    <>
      <section class="card">
        <h2>{participant.assessments.length > 1 ? "Assessments" : "Assessment"}</h2>
        {participant.identity !== IdentityState.UNSPECIFIED && participant.identity !== IdentityState.VERIFIED && (
          <Readiness session={session} participant={participant} />
        )}
        {participant.assessments.map((assessment) => (
          <section key={assessment.assessmentId} class="part">
            <h3>{title(assessment.assessmentId)}</h3>
            <Assessment
              assessment={assessment}
              title={title(assessment.assessmentId)}
              identity={participant.identity}
            />
          </section>
        ))}
        {participant.assessments.length === 0 && <p>This session has no assessment.</p>}
      </section>
      <section>
        <h2>Course content</h2>
        <ProblemNote problem={problem} />
        {data?.course ? <Outline course={data.course} open /> : !problem && <Loading what="the course" />}
      </section>
    </>
  );
}

const MOST_ATTEMPTS = 200;

/** What each assessment is called: in the course's outline, and on its own pages where that is another name. */
function useNames(session: Session, participant: Participant): (assessmentId: string) => string {
  const inOutline = useAssessmentTitles(session);
  const key = participant.assessments.map(({ attemptId }) => attemptId).join();
  const { data } = useQuery(`attempts/${key}`, () => attempts.listAttempts({ pageSize: MOST_ATTEMPTS }));
  return (assessmentId) => {
    const outline = inOutline(assessmentId);
    const own = data?.attempts.find(
      (attempt) => attempt.assessmentId === assessmentId && attempt.sessionId === session.sessionId,
    )?.title;
    return own === undefined || own === outline ? outline : `${outline}: ${own}`;
  };
}

interface AssessmentProps {
  assessment: AssessmentProgress;
  title: string;
  identity: IdentityState;
}

function Assessment({ assessment, title, identity }: AssessmentProps): JSX.Element {
  useEffect(() => {
    if (assessment.state !== AssessmentProgressState.AUTHORIZED) return;
    const before = document.title;
    document.title = `You may begin ${title} · Proctorium`;
    return () => {
      document.title = before;
    };
  }, [assessment.state, title]);
  const about = <span class="visually-hidden"> “{title}”</span>;
  switch (assessment.state) {
    case AssessmentProgressState.AUTHORIZED:
      return assessment.attemptId ? (
        <p>
          The assessment is authorised for you.{" "}
          <Link to={`/attempts/${assessment.attemptId}`} class="button">
            Go to the assessment
            {about}
          </Link>
        </p>
      ) : (
        <Loading what={`“${title}”`} />
      );
    case AssessmentProgressState.IN_PROGRESS:
      return (
        <p>
          <Link to={`/attempts/${assessment.attemptId}`} class="button">
            Continue the assessment
            {about}
          </Link>
        </p>
      );
    case AssessmentProgressState.SUBMITTED:
      return (
        <p>
          You have submitted your answers. Your result appears here when it is released.{" "}
          <Link to={`/attempts/${assessment.attemptId}`}>
            See what was submitted
            {about}
          </Link>
        </p>
      );
    case AssessmentProgressState.RELEASED:
      return (
        <p>
          Your result is there.{" "}
          <Link to={`/results/${assessment.attemptId}`}>
            See your result
            {about}
          </Link>
        </p>
      );
    default:
      return <p>{nextStep(identity)}</p>;
  }
}

function Over({ session, participant }: { session: Session; participant: Participant }): JSX.Element {
  const title = useNames(session, participant);
  return (
    <section class="card">
      <h2>The session is over</h2>
      <p>It ended {dateTime(session.endTime)}. Thank you for taking part.</p>
      {participant.assessments.map((assessment) => (
        <p key={assessment.assessmentId}>
          <strong>{title(assessment.assessmentId)}</strong>:{" "}
          {assessment.state < AssessmentProgressState.IN_PROGRESS ||
          assessment.state === AssessmentProgressState.VOIDED ? (
            "not started."
          ) : (
            <Link to={`/results/${assessment.attemptId}`}>
              See your result
              <span class="visually-hidden"> “{title(assessment.assessmentId)}”</span>
            </Link>
          )}
        </p>
      ))}
    </section>
  );
}

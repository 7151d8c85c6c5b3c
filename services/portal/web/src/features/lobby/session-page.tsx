// The page of a session for a learner. The page shows the lobby until the session starts, and then shows the course
// content.
import type { JSX } from "preact";
import { useEffect } from "preact/hooks";
import { attempts, courses, lobby, people } from "../../api/client";
import { noteServerTime } from "../../api/server-time";
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
import { messages } from "../../messages";
import { dateTime } from "../../messages/format";
import { SignedInAs } from "../account/sign-out";
import { BreakScreen } from "../breaks/break-screen";
import { clockStops, startedBreak } from "../breaks/breaks";
import { ClosingNote } from "../closing/closing-note";
import { SessionEnd } from "../closing/session-end";
import { CourseOutline } from "../courses/course-outline";
import { nextStep } from "../exam/next-step";
import { pauseOf } from "../exam/pause";
import { PauseNote } from "../exam/pause-note";
import { IdentityEvidence } from "../identity/identity-check";
import { withEarlierMessages } from "../messages/conversation";
import { LearnerMessages } from "../messages/learner-messages";
import { AwaitingApproval, EntryDenied } from "../order/entry";
import { EndedNote, RemovedNote } from "../removal/removed-note";
import { SessionBadge } from "../sessions/session-badge";
import { useAssessmentTitles } from "../sessions/use-assessment-titles";
import { blockingIdentity, isPresent } from "../supervision/participants";

const text = messages.lobby;

export function SessionPage({ sessionId }: { sessionId: string }): JSX.Element {
  const { view, connected, problem } = useStream<WatchSessionResponse, WatchSessionResponse>(
    sessionId,
    (cursor, options) => lobby.watchSession({ sessionId, cursor }, options),
    (before, message) => {
      noteServerTime(message.serverTime);
      return withEarlierMessages(before, message);
    },
  );
  const session = view?.session;
  const participant = view?.participant;
  if (session === undefined || participant === undefined) {
    return (
      <>
        <PageTitle>{text.session}</PageTitle>
        {problem === undefined && <Loading what={text.theSession} />}
        {problem?.reason === "NOT_FOUND" ? <p>{text.notJoined}</p> : <ProblemNote problem={problem} />}
        {problem && (
          <p>
            <Link to="/join" class="button">
              {text.joinTitle}
            </Link>
          </p>
        )}
      </>
    );
  }
  return (
    <>
      <PageTitle>
        <bdi>{session.plan?.title}</bdi>
      </PageTitle>
      <p class="row" role="status" aria-live="polite">
        {session.state === SessionState.CANCELLED ? (
          <SessionBadge session={session} />
        ) : (
          <ParticipantBadge participant={participant} />
        )}
        <SessionEnd session={session} />
        {!connected && problem === undefined && <Badge tone="bad">{messages.common.connectionLost}</Badge>}
      </p>
      <ProblemNote problem={problem} />
      <ClosingNote session={session} hint={messages.closing.learnerHint} />
      <LearnerMessages view={view} />
      {isPresent(participant) && <SignedInAs />}
      <Phase session={session} participant={participant} />
      <p>
        <Link to={`/sessions/${sessionId}/record`}>{text.toRecord}</Link>
      </p>
    </>
  );
}

function Phase({ session, participant }: { session: Session; participant: Participant }): JSX.Element {
  if (session.state === SessionState.CANCELLED) return <Cancelled />;
  if (session.state === SessionState.ENDED && isPresent(participant))
    return <Ended session={session} participant={participant} />;
  switch (participant.state) {
    case ParticipantState.AWAITING_APPROVAL:
      return (
        <AwaitingApproval participant={participant}>
          <Proctors session={session} />
          <IdentitySection session={session} participant={participant} />
        </AwaitingApproval>
      );
    case ParticipantState.DENIED:
      return <EntryDenied participant={participant} />;
    case ParticipantState.WAITING:
      return <Lobby session={session} participant={participant} />;
    case ParticipantState.IN_SESSION:
    case ParticipantState.PAUSED:
    case ParticipantState.ON_BREAK:
      return <InSession session={session} participant={participant} />;
    case ParticipantState.REMOVED:
      return <RemovedNote session={session} participant={participant} />;
    case ParticipantState.NO_SHOW:
      return (
        <>
          <p>{text.noShow}</p>
          <HelpContact />
        </>
      );
    default:
      return <Ended session={session} participant={participant} />;
  }
}

function Cancelled(): JSX.Element {
  return (
    <section class="card">
      <p>{text.cancelled}</p>
      <HelpContact />
    </section>
  );
}

function ParticipantBadge({ participant }: { participant: Participant }): JSX.Element {
  switch (participant.state) {
    case ParticipantState.AWAITING_APPROVAL:
      return <Badge tone="wait">{text.state.awaitingApproval}</Badge>;
    case ParticipantState.DENIED:
      return <Badge tone="bad">{text.state.denied}</Badge>;
    case ParticipantState.WAITING:
      return <Badge tone="wait">{text.state.waiting}</Badge>;
    case ParticipantState.IN_SESSION:
      return <Badge tone="good">{text.state.inSession}</Badge>;
    case ParticipantState.PAUSED:
      return <Badge tone="wait">{text.state.paused}</Badge>;
    case ParticipantState.ON_BREAK:
      return <Badge tone="wait">{text.state.onBreak}</Badge>;
    case ParticipantState.COMPLETED:
      return <Badge tone="plain">{text.state.completed}</Badge>;
    case ParticipantState.REMOVED:
      return <Badge tone="bad">{text.state.removed}</Badge>;
    case ParticipantState.LEFT:
      return <Badge tone="plain">{text.state.left}</Badge>;
    default:
      return <Badge tone="plain">{text.state.noShow}</Badge>;
  }
}

function Lobby({ session, participant }: { session: Session; participant: Participant }): JSX.Element {
  return (
    <section class="card">
      <h2>{text.lobbyTitle}</h2>
      <p>{text.lobbyHint(<strong>{dateTime(session.plan?.startTime)}</strong>)}</p>
      <Proctors session={session} />
      <IdentitySection session={session} participant={participant} />
    </section>
  );
}

function Proctors({ session }: { session: Session }): JSX.Element | null {
  const ids = session.plan?.proctorIds ?? [];
  const { data } = useQuery(ids.join(), () => people.batchGetNames({ personIds: ids }));
  if (!data?.names.length) return null;
  return <p>{text.proctors(data.names.map((name) => name.preferredName).join(", "))}</p>;
}

function IdentitySection({ session, participant }: { session: Session; participant: Participant }): JSX.Element | null {
  if (participant.identity === IdentityState.NOT_REQUIRED) return null;
  return (
    <section>
      <h3>{text.identityCheck}</h3>
      <IdentityEvidence
        sessionId={session.sessionId}
        state={participant.identity}
        checkReason={participant.identityCheckReason}
      />
    </section>
  );
}

function InSession({ session, participant }: { session: Session; participant: Participant }): JSX.Element {
  const title = useFullTitles(session, participant);
  const courseId = session.plan?.courseId ?? "";
  const { data, problem } = useQuery(courseId, () => courses.getCourse({ courseId }));
  const pause = pauseOf(session, participant);
  const taken = startedBreak(participant);
  return (
    <>
      {pause && <PauseNote pause={pause} hint={text.pauseHint} />}
      {taken && <BreakScreen taken={taken} clockStops={clockStops(session)} />}
      <section class="card">
        <h2>{participant.assessments.length > 1 ? text.assessments : text.assessment}</h2>
        {participant.identity !== IdentityState.NOT_REQUIRED && participant.identity !== IdentityState.VERIFIED && (
          <IdentitySection session={session} participant={participant} />
        )}
        {participant.assessments.map((assessment) => (
          <section key={assessment.assessmentId} class="part">
            <h3 dir="auto">{title(assessment.assessmentId)}</h3>
            <Assessment
              assessment={assessment}
              title={title(assessment.assessmentId)}
              identity={blockingIdentity(participant, session)}
            />
          </section>
        ))}
        {participant.assessments.length === 0 && <p>{text.noAssessment}</p>}
      </section>
      <section>
        <h2>{text.courseContent}</h2>
        <ProblemNote problem={problem} />
        {data?.course ? <CourseOutline course={data.course} open /> : !problem && <Loading what={text.theCourse} />}
      </section>
    </>
  );
}

const MAX_ATTEMPTS = 200;

/**
 * Return a function from the ID of an assessment to its title in the course's outline. If the assessment itself has
 * another title, that title is appended.
 */
function useFullTitles(session: Session, participant: Participant): (assessmentId: string) => string {
  const inOutline = useAssessmentTitles(session);
  const key = participant.assessments.map(({ attemptId }) => attemptId).join();
  const { data } = useQuery(`attempts/${key}`, () => attempts.listAttempts({ pageSize: MAX_ATTEMPTS }));
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
    document.title = `${text.canStart(title)} · Proctorium`;
    return () => {
      document.title = before;
    };
  }, [assessment.state, title]);
  const about = <span class="visually-hidden"> {text.quoted(title)}</span>;
  switch (assessment.state) {
    case AssessmentProgressState.AUTHORIZED:
      return assessment.attemptId ? (
        <p>
          {text.authorised}{" "}
          <Link to={`/attempts/${assessment.attemptId}`} class="button">
            {text.toAssessment}
            {about}
          </Link>
        </p>
      ) : (
        <Loading what={text.quoted(title)} />
      );
    case AssessmentProgressState.IN_PROGRESS:
      return (
        <p>
          <Link to={`/attempts/${assessment.attemptId}`} class="button">
            {text.continueAssessment}
            {about}
          </Link>
        </p>
      );
    case AssessmentProgressState.SUBMITTED:
      return (
        <p>
          {text.submitted}{" "}
          <Link to={`/attempts/${assessment.attemptId}`}>
            {text.seeSubmission}
            {about}
          </Link>
        </p>
      );
    case AssessmentProgressState.RELEASED:
      return (
        <p>
          {text.resultReleased}{" "}
          <Link to={`/results/${assessment.attemptId}`}>
            {text.seeResult}
            {about}
          </Link>
        </p>
      );
    default:
      return <p>{nextStep(identity)}</p>;
  }
}

function Ended({ session, participant }: { session: Session; participant: Participant }): JSX.Element {
  const title = useFullTitles(session, participant);
  return (
    <section class="card">
      <h2>{participant.endReason === "" ? text.endedTitle : messages.removal.endedTitle}</h2>
      <EndedNote participant={participant} />
      {session.endTime && <p>{text.endedOn(dateTime(session.endTime))}</p>}
      {participant.assessments.map((assessment) => (
        <p key={assessment.assessmentId}>
          <strong dir="auto">{title(assessment.assessmentId)}</strong>:{" "}
          {assessment.state < AssessmentProgressState.IN_PROGRESS ||
          assessment.state === AssessmentProgressState.VOIDED ? (
            text.notStarted
          ) : (
            <Link to={`/results/${assessment.attemptId}`}>
              {text.seeResult}
              <span class="visually-hidden"> {text.quoted(title(assessment.assessmentId))}</span>
            </Link>
          )}
        </p>
      ))}
    </section>
  );
}

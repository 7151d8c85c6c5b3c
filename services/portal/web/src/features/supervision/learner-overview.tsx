// What is known about a learner, with the actions that a proctor can take.
import type { ComponentChildren, JSX } from "preact";
import { supervision } from "../../api/client";
import { useAction } from "../../api/use-action";
import { useServerNow } from "../../api/use-server-now";
import { ProblemNote } from "../../components/problem-note";
import { Progress } from "../../components/progress";
import {
  type AssessmentProgress,
  AssessmentProgressState,
  type CourseProgress,
  IdentityState,
  type Participant,
} from "../../gen/proctorium/session/v1/lobby_pb";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { dateTime } from "../../messages/format";
import { secondsLeft } from "../closing/open-attempts";
import { IdentityDecision } from "../identity/identity-decision";
import { IncidentCard } from "../incidents/incident-card";
import { acceptsIncidents } from "../incidents/incidents";
import { WriteIncident } from "../incidents/write-incident";
import { CheckIdentityAgain, RequestIdentityCheck } from "../order/identity-again";
import { Decide, Denied } from "../order/late-entries";
import { Withdrawal } from "../order/withdrawal";
import { useNames } from "../people/use-names";
import { ParticipantAccess } from "../removal/participant-access";
import { isOverFor } from "../removal/removed";
import { isOver } from "../sessions/sessions";
import { useAssessmentTitles } from "../sessions/use-assessment-titles";
import { courseProgressText } from "./course-progress";
import { HeldResult } from "./held-result";
import type { LearnerPanelProps } from "./learner-panel";
import { throwRefusal } from "./outcomes";
import { AttemptProgress, IdentityBadge } from "./participant-facts";
import { ParticipantTime } from "./participant-time";
import { canBeAuthorised, isInSession, isPresent, isResultHeld } from "./participants";
import { isLapsed } from "./permissions";

const text = messages.supervision;

export function LearnerOverview(props: LearnerPanelProps): JSX.Element | null {
  const { session, entry, may } = props;
  const { participant, name } = entry;
  const title = useAssessmentTitles(session);
  if (participant === undefined) return null;
  const acts = may && !isOver(session);
  return (
    <>
      <dl class="facts">
        <Fact label={text.columns.identity}>
          <IdentityBadge session={session} participant={participant} />
          {acts && participant.identity === IdentityState.VERIFIED && isInSession(participant) && (
            <CheckIdentityAgain participant={participant} name={name} />
          )}
          {acts && <RequestIdentityCheck participants={[participant]} subject={name} />}
          {acts && <CheckIdentity session={session} participant={participant} name={name} />}
        </Fact>
        {participant.assessments.map((assessment) => (
          <Fact key={assessment.assessmentId} label={title(assessment.assessmentId)}>
            <Assessment
              session={session}
              participant={participant}
              assessment={assessment}
              name={name}
              title={title(assessment.assessmentId)}
              may={acts}
            />
          </Fact>
        ))}
        {participant.courseProgress && (
          <Fact label={text.columns.course}>
            <CourseSteps progress={participant.courseProgress} />
          </Fact>
        )}
        <Fact label={messages.console.panel.joined}>{dateTime(participant.joinTime)}</Fact>
      </dl>
      <div class="actions">
        {acts && <Decide participant={participant} name={name} />}
        <Denied participant={participant} name={name} may={acts} />
        <ParticipantTime session={session} participant={participant} name={name} may={acts} />
        <ParticipantAccess session={session} participant={participant} name={name} may={acts} />
      </div>
      {may && <LearnerIncidents {...props} participant={participant} />}
    </>
  );
}

/** The steps of the course that the learner has done. */
function CourseSteps({ progress }: { progress: CourseProgress }): JSX.Element {
  return <Progress value={progress.finishedUnitCount} max={progress.unitCount} label={courseProgressText(progress)} />;
}

function Fact({ label, children }: { label: string; children: ComponentChildren }): JSX.Element {
  return (
    <div>
      <dt dir="auto">{label}</dt>
      <dd class="row">{children}</dd>
    </div>
  );
}

interface CheckIdentityProps {
  session: Session;
  participant: Participant;
  name: string;
}

function CheckIdentity({ session, participant, name }: CheckIdentityProps): JSX.Element | null {
  if (participant.identity !== IdentityState.SUBMITTED || !isPresent(participant) || isLapsed()) return null;
  return <IdentityDecision sessionId={session.sessionId} personId={participant.personId} name={name} />;
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
  const { assessmentId, attemptId, state, answeredCount, itemCount } = assessment;
  const authorise = (): Promise<void> =>
    run(async (requestId) => {
      const { sessionId } = session;
      const participantIds = [participant.participantId];
      throwRefusal(
        (await supervision.authorizeAssessment({ requestId, sessionId, assessmentId, participantIds })).outcomes,
      );
    });
  if (isResultHeld(participant, assessment))
    return (
      <HeldResult
        session={session}
        attemptId={attemptId}
        personId={participant.personId}
        of={text.assessmentOf(title, name)}
      />
    );
  const isOpen = state === AssessmentProgressState.IN_PROGRESS && isPresent(participant);
  return (
    <>
      {isOpen ? (
        <>
          <Progress value={answeredCount} max={itemCount} label={text.progress.saved(answeredCount, itemCount)} />
          <TimeLeft assessment={assessment} />
        </>
      ) : (
        <AttemptProgress assessment={assessment} over={isOver(session) || isOverFor(session, participant)} />
      )}
      {may && canBeAuthorised(participant, assessment, session) && (
        <button type="button" disabled={busy} onClick={() => void authorise()}>
          {text.authorise} <span class="visually-hidden">{text.assessmentFor(title, name)}</span>
        </button>
      )}
      <Withdrawal participant={participant} assessment={assessment} name={name} title={title} may={may} />
      <ProblemNote problem={problem} />
    </>
  );
}

/** The remaining time of an attempt in progress. */
function TimeLeft({ assessment }: { assessment: AssessmentProgress }): JSX.Element | null {
  const seconds = secondsLeft(assessment, useServerNow());
  return seconds === undefined ? null : <strong>{messages.console.left(seconds)}</strong>;
}

/** The incidents about the learner, and the button to report one. */
function LearnerIncidents({
  session,
  entry: { name },
  participant: { participantId },
  incidents: { list, categories, ...form },
}: LearnerPanelProps & { participant: Participant }): JSX.Element {
  const found = list?.filter((incident) => incident.participantId === participantId) ?? [];
  const author = useNames(found.map(({ writtenBy }) => writtenBy));
  return (
    <section aria-label={messages.console.panel.incidents(name)}>
      <h3>{text.columns.incidents}</h3>
      {acceptsIncidents(session) && (
        <WriteIncident
          subject={{ participantId }}
          label={messages.incidents.reportShort}
          about={messages.incidents.aboutLearner(name)}
          write={form.write}
          hasDraft={form.hasDraft}
        />
      )}
      <ul class="cards">
        {found.map((incident) => (
          <IncidentCard
            key={incident.incidentId}
            incident={incident}
            categories={categories}
            subject={name}
            name={author}
            form={form}
          />
        ))}
      </ul>
    </section>
  );
}

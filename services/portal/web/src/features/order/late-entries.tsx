// The learners who joined after the start and wait until a proctor admits or denies them.
import type { JSX } from "preact";
import { supervision } from "../../api/client";
import { useAction } from "../../api/use-action";
import { ProblemNote } from "../../components/problem-note";
import { useNow } from "../../components/use-now";
import { type Participant, ParticipantState } from "../../gen/proctorium/session/v1/lobby_pb";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { useNames } from "../people/use-names";
import { needsApproval } from "../sessions/late-entry";
import { isRunning } from "../sessions/running";
import { throwRefusal } from "../supervision/outcomes";
import { awaitsApproval, byArrival, isInSession, waitsSince } from "../supervision/participants";
import { ReasonForm } from "../supervision/reason-form";

const text = messages.order;

interface LateEntriesProps {
  session: Session;
  participants: readonly Participant[];
}

/** Shows the queue of late entries and returning learners, while somebody waits or the plan requires approval. */
export function LateEntries({ session, participants }: LateEntriesProps): JSX.Element | null {
  const queue = participants.filter(awaitsApproval).sort(byArrival);
  const name = useNames(queue.map(({ personId }) => personId));
  const isUsed = queue.length > 0 || needsApproval(session);
  if (!isRunning(session) || !isUsed) return null;
  return (
    <section class="card" aria-labelledby="late-entries">
      <h2 id="late-entries">
        <span role="status">{text.lateEntries(queue.length)}</span>
      </h2>
      {queue.length === 0 && <p class="quiet">{text.noLateEntry}</p>}
      <ol class="hands">
        {queue.map((participant) => (
          <LateEntryItem key={participant.participantId} participant={participant} name={name(participant.personId)} />
        ))}
      </ol>
      {queue.length > 1 && <Admit label={text.admitAll} participants={queue} />}
    </section>
  );
}

function LateEntryItem({ participant, name }: { participant: Participant; name: string }): JSX.Element {
  const now = useNow();
  const since = waitsSince(participant) ?? now;
  return (
    <li class="row">
      <strong dir="auto">{name}</strong>
      {participant.returnRequest && <span>{messages.disconnects.returns}</span>}
      <span class="quiet">{text.waiting((now - since) / 1000)}</span>
      <Decide participant={participant} name={name} />
    </li>
  );
}

/** The buttons that admit and deny a learner who waits for approval. */
export function Decide({ participant, name }: { participant: Participant; name: string }): JSX.Element | null {
  if (!awaitsApproval(participant)) return null;
  return (
    <>
      <Admit label={text.admit} subject={name} participants={[participant]} />
      <Deny participant={participant} name={name} />
    </>
  );
}

interface AdmitProps {
  label: string;
  /** The name of the learner, for screen readers. */
  subject?: string;
  /** The participants to admit, at least one. */
  participants: readonly Participant[];
}

function Admit({ label, subject, participants }: AdmitProps): JSX.Element {
  const { busy, problem, run } = useAction();
  const participantIds = participants.map(({ participantId }) => participantId);
  const admit = (): Promise<void> =>
    run(async (requestId) => {
      const sessionId = participants[0]?.sessionId ?? "";
      const { outcomes } = await supervision.admitParticipants({ requestId, sessionId, participantIds });
      throwRefusal(outcomes);
    }, participantIds.join());
  return (
    <>
      <button type="button" disabled={busy} onClick={() => void admit()}>
        {label}
        {subject !== undefined && <bdi class="visually-hidden"> {subject}</bdi>}
      </button>
      <ProblemNote problem={problem} />
    </>
  );
}

function Deny({ participant, name }: { participant: Participant; name: string }): JSX.Element {
  return (
    <ReasonForm
      label={text.deny}
      subject={name}
      title={text.denyForm(name)}
      field="denial_reason"
      reasonLabel={text.denialReason}
      reasonHint={text.denialReasonHint}
      consequence={text.denialConsequence}
      confirmLabel={text.denyConfirm}
      cancelLabel={text.denyCancel}
      action={async (requestId, denialReason) => {
        const { outcomes } = await supervision.denyParticipants({
          requestId,
          sessionId: participant.sessionId,
          participantIds: [participant.participantId],
          denialReason,
        });
        throwRefusal(outcomes);
      }}
    />
  );
}

/** Shows why the entry of a learner was denied, and the button that admits the learner after all. */
export function Denied({
  participant,
  name,
  may,
}: {
  participant: Participant;
  name: string;
  may: boolean;
}): JSX.Element | null {
  const reason = participant.returnRequest?.denialReason || participant.denialReason;
  if (reason === "" || (participant.state !== ParticipantState.DENIED && !isInSession(participant))) return null;
  return (
    <>
      <p class="hint" dir="auto">
        {text.denied(reason)}
      </p>
      {may && <Admit label={text.admit} subject={name} participants={[participant]} />}
    </>
  );
}

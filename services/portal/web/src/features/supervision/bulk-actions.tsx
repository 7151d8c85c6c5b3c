// The actions for the selected learners. Each action is one request. If it is refused for some learners, the page lists
// them with the reasons.
import type { JSX } from "preact";
import { useState } from "preact/hooks";
import { supervision } from "../../api/client";
import { useAction } from "../../api/use-action";
import { ProblemNote } from "../../components/problem-note";
import { showToast } from "../../components/toast";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";
import type { ParticipantOutcome } from "../../gen/proctorium/session/v1/supervision_pb";
import { messages } from "../../messages";
import { canBeWithdrawn } from "../order/can-be-withdrawn";
import { RequestIdentityCheck } from "../order/identity-again";
import { canBeReadmitted } from "../removal/removed";
import { isRunning } from "../sessions/running";
import { useAssessmentTitles } from "../sessions/use-assessment-titles";
import { amountOf, ExtraTimeFields } from "./extra-time";
import { OutcomeList } from "./outcome-list";
import { refusals } from "./outcomes";
import { isPresent, isReadyFor } from "./participants";
import { ReasonForm } from "./reason-form";
import type { RosterEntry } from "./roster-entry";

const text = messages.supervision;

interface BulkActionsProps {
  session: Session;
  /** The selected learners. */
  chosen: readonly RosterEntry[];
  onClear: () => void;
}

export function BulkActions({ session, chosen, onClear }: BulkActionsProps): JSX.Element {
  const [outcomes, setOutcomes] = useState<readonly ParticipantOutcome[]>([]);
  const done = (all: readonly ParticipantOutcome[], undo?: () => void): void => {
    const isComplete = refusals(all).length === 0;
    setOutcomes(isComplete ? [] : all);
    if (!isComplete) return;
    const action = undo && { label: messages.console.bulk.undo, onChoose: undo };
    showToast(messages.console.bulk.changed(all.length, all.length), action);
  };
  const participants = chosen.flatMap(({ participant }) => participant ?? []);
  const nameOf = (participantId: string): string =>
    chosen.find(({ participant }) => participant?.participantId === participantId)?.name ?? participantId;
  const absent = chosen.length - participants.length;
  return (
    <section class="bulk" aria-label={messages.console.bulk.label}>
      <div class="row">
        <strong role="status">{messages.console.bulk.selected(chosen.length)}</strong>
        {participants.length > 0 && isRunning(session) && (
          <Actions session={session} participants={participants} onDone={done} />
        )}
        <RequestIdentityCheck participants={participants} subject={messages.console.bulk.theSelected} onDone={done} />
        {participants.length > 0 && <Access session={session} participants={participants} onDone={done} />}
        <button type="button" class="plain" onClick={onClear}>
          {messages.console.bulk.clear}
        </button>
      </div>
      {absent > 0 && <p class="quiet">{messages.console.bulk.absent(absent)}</p>}
      <div role="status">{outcomes.length > 0 && <OutcomeList outcomes={outcomes} name={nameOf} />}</div>
    </section>
  );
}

interface ActionsProps {
  session: Session;
  participants: readonly Participant[];
  /** Called with the outcomes, and with a function that undoes the action if it can be undone. */
  onDone: (outcomes: readonly ParticipantOutcome[], undo?: () => void) => void;
}

function Actions({ session, participants, onDone }: ActionsProps): JSX.Element {
  const { sessionId } = session;
  const { busy, problem, run } = useAction();
  const title = useAssessmentTitles(session);
  const participantIds = participants.map(({ participantId }) => participantId);
  const assessmentIds = session.plan?.assessmentIds ?? [];
  const subject = participantIds.join();
  const call = (name: string, make: (requestId: string) => Promise<{ outcomes: ParticipantOutcome[] }>): void =>
    void run(async (requestId) => onDone((await make(requestId)).outcomes), `${name} ${subject}`);
  const resume = (): void =>
    call("resume", (requestId) => supervision.resumeParticipants({ requestId, sessionId, participantIds }));
  const count = participants.length;
  return (
    <>
      <ReasonForm
        label={text.pause}
        subject={messages.console.bulk.theSelected}
        title={messages.console.bulk.pauseForm(count)}
        field="pause_reason"
        reasonLabel={text.pauseReason}
        reasonHint={messages.console.bulk.reasonHint}
        consequence={messages.console.bulk.pauseConsequence}
        confirmLabel={text.pauseConfirm}
        cancelLabel={text.pauseCancel}
        action={async (requestId, pauseReason) =>
          onDone(
            (await supervision.pauseParticipants({ requestId, sessionId, participantIds, pauseReason })).outcomes,
            resume,
          )
        }
      />
      <button type="button" class="plain" disabled={busy} onClick={resume}>
        {text.resume} <span class="visually-hidden">{messages.console.bulk.theSelected}</span>
      </button>
      <ReasonForm
        label={text.extraTime}
        subject={messages.console.bulk.theSelected}
        title={messages.console.bulk.extraTimeForm(count)}
        field="extra_time_reason"
        reasonLabel={text.extraTimeReason}
        reasonHint={messages.console.bulk.reasonHint}
        consequence={text.extraTimeConsequenceForAll}
        confirmLabel={text.extraTimeConfirm}
        cancelLabel={text.extraTimeCancel}
        action={async (requestId, extraTimeReason, values) => {
          const amount = amountOf(values);
          const request = { requestId, sessionId, participantIds, amount, extraTimeReason };
          onDone((await supervision.grantExtraTime(request)).outcomes);
        }}
      >
        <ExtraTimeFields />
      </ReasonForm>
      {assessmentIds
        .filter((assessmentId) => participants.some((one) => isReadyFor(one, assessmentId, session)))
        .map((assessmentId) => (
          <button
            key={assessmentId}
            type="button"
            disabled={busy}
            onClick={() =>
              call(assessmentId, (requestId) =>
                supervision.authorizeAssessment({ requestId, sessionId, assessmentId, participantIds }),
              )
            }
          >
            {text.authorise}{" "}
            <span class="visually-hidden">{messages.console.bulk.forTheSelected(title(assessmentId))}</span>
          </button>
        ))}
      {assessmentIds
        .filter((assessmentId) => participants.some((one) => canWithdraw(one, assessmentId)))
        .map((assessmentId) => (
          <button
            key={assessmentId}
            type="button"
            class="plain"
            disabled={busy}
            onClick={() =>
              call(`withdraw ${assessmentId}`, (requestId) =>
                supervision.withdrawAuthorization({ requestId, sessionId, assessmentId, participantIds }),
              )
            }
          >
            {messages.order.withdraw}{" "}
            <span class="visually-hidden">{messages.console.bulk.forTheSelected(title(assessmentId))}</span>
          </button>
        ))}
      <ProblemNote problem={problem} />
    </>
  );
}

/** The actions that remove and readmit the selected learners. They are possible from the opening of the lobby on. */
function Access({ session, participants, onDone }: ActionsProps): JSX.Element {
  const { sessionId } = session;
  const { busy, problem, run } = useAction();
  const removable = participants.filter(isPresent).map(({ participantId }) => participantId);
  const removed = participants.filter((one) => canBeReadmitted(session, one)).map(({ participantId }) => participantId);
  const readmit = (participantIds: readonly string[]): void =>
    void run(
      async (requestId) =>
        onDone(
          (await supervision.readmitParticipants({ requestId, sessionId, participantIds: [...participantIds] }))
            .outcomes,
        ),
      `readmit ${participantIds.join()}`,
    );
  return (
    <>
      {removable.length > 0 && (
        <ReasonForm
          label={messages.removal.remove}
          subject={messages.console.bulk.theSelected}
          title={messages.console.bulk.removeForm(removable.length)}
          field="removal_reason"
          reasonLabel={messages.console.bulk.removalReason}
          reasonHint={messages.console.bulk.reasonHint}
          consequence={messages.console.bulk.removalConsequence}
          confirmLabel={messages.removal.removeConfirm}
          cancelLabel={messages.removal.removeCancel}
          isDanger
          action={async (requestId, removalReason) => {
            const request = { requestId, sessionId, participantIds: removable, removalReason };
            onDone((await supervision.removeParticipants(request)).outcomes, () => readmit(removable));
          }}
        />
      )}
      {removed.length > 0 && (
        <button type="button" class="plain" disabled={busy} onClick={() => readmit(removed)}>
          {messages.removal.readmit} <span class="visually-hidden">{messages.console.bulk.theSelected}</span>
        </button>
      )}
      <ProblemNote problem={problem} />
    </>
  );
}

function canWithdraw(participant: Participant, assessmentId: string): boolean {
  return participant.assessments.some(
    (progress) => progress.assessmentId === assessmentId && canBeWithdrawn(participant, progress),
  );
}

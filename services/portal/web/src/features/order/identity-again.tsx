// Identity checks that proctors request during a session: the requests, and the learner's notice.
import type { JSX } from "preact";
import { identity, supervision } from "../../api/client";
import { Link } from "../../components/link";
import { IdentityState, type Participant, ParticipantState } from "../../gen/proctorium/session/v1/lobby_pb";
import type { ParticipantOutcome } from "../../gen/proctorium/session/v1/supervision_pb";
import { messages } from "../../messages";
import { throwRefusal } from "../supervision/outcomes";
import { isInSession } from "../supervision/participants";
import { ReasonForm } from "../supervision/reason-form";

const text = messages.order;

/** The button with which a proctor requests new photos from a learner whose identity is verified. */
export function CheckIdentityAgain({ participant, name }: { participant: Participant; name: string }): JSX.Element {
  const { sessionId, personId } = participant;
  return (
    <ReasonForm
      label={text.checkAgain}
      subject={name}
      title={text.checkAgainForm(name)}
      field="resubmission_reason"
      reasonLabel={text.checkAgainReason}
      reasonHint={text.checkAgainReasonHint}
      consequence={text.checkAgainConsequence}
      confirmLabel={text.checkAgainConfirm}
      cancelLabel={text.checkAgainCancel}
      action={async (requestId, resubmissionReason) => {
        const found = await identity.getCase({ by: { case: "learner", value: { sessionId, personId } } });
        const caseId = found.case?.caseId ?? "";
        await identity.requestResubmission({ requestId, caseId, resubmissionReason });
      }}
    />
  );
}

interface RequestIdentityCheckProps {
  participants: readonly Participant[];
  subject: string;
  onDone?: (outcomes: readonly ParticipantOutcome[]) => void;
}

/** Return whether a proctor can request an identity check from a learner whose session requires none. */
export function canBeChecked(participant: Participant): boolean {
  const isHere = participant.state === ParticipantState.WAITING || isInSession(participant);
  return isHere && participant.identity === IdentityState.NOT_REQUIRED;
}

/** The button with which a proctor requests an identity check in a session that requires none. */
export function RequestIdentityCheck(props: RequestIdentityCheckProps): JSX.Element | null {
  const { participants, subject, onDone = throwRefusal } = props;
  const checkable = participants.filter(canBeChecked);
  const sessionId = checkable[0]?.sessionId;
  if (sessionId === undefined) return null;
  const participantIds = checkable.map(({ participantId }) => participantId);
  return (
    <ReasonForm
      label={text.requestCheck}
      subject={subject}
      title={text.requestCheckForm(subject)}
      field="identity_check_reason"
      reasonLabel={text.requestCheckReason}
      reasonHint={text.requestCheckReasonHint(participantIds.length)}
      consequence={text.requestCheckConsequence}
      confirmLabel={text.requestCheckConfirm}
      cancelLabel={text.requestCheckCancel}
      action={async (requestId, identityCheckReason) => {
        const request = { requestId, sessionId, participantIds, identityCheckReason };
        onDone((await supervision.requestIdentityCheck(request)).outcomes);
      }}
    />
  );
}

/** Shows a learner in the exam room that photos are needed. The attempt continues. */
export function IdentityNotice({ participant }: { participant: Participant | undefined }): JSX.Element | null {
  if (participant === undefined || !isInSession(participant)) return null;
  const isFirst = participant.identity === IdentityState.REQUESTED;
  if (!isFirst && participant.identity !== IdentityState.RESUBMISSION_REQUESTED) return null;
  return (
    <p class="note" role="status">
      {isFirst ? text.identityRequested : text.identityNeeded}{" "}
      {isFirst && participant.identityCheckReason && `${text.identityReason(participant.identityCheckReason)} `}
      <Link to={`/sessions/${participant.sessionId}`}>{isFirst ? text.identityRequestedLink : text.identityLink}</Link>
    </p>
  );
}

// The withdrawal of one learner's authorisation, in the panel of the learner.
import type { JSX } from "preact";
import { supervision } from "../../api/client";
import { useAction } from "../../api/use-action";
import { Badge } from "../../components/badge";
import { ProblemNote } from "../../components/problem-note";
import {
  type AssessmentProgress,
  AssessmentProgressState,
  type Participant,
  WithdrawalState,
} from "../../gen/proctorium/session/v1/lobby_pb";
import { messages } from "../../messages";
import { throwRefusal } from "../supervision/outcomes";
import { canBeWithdrawn } from "./can-be-withdrawn";

const text = messages.order;

interface WithdrawalProps {
  participant: Participant;
  assessment: AssessmentProgress;
  name: string;
  title: string;
  /** Whether the person who views the panel can act in the session. */
  may: boolean;
}

/** Shows the button that withdraws an authorisation, and whether a withdrawal is pending or came too late. */
export function Withdrawal({ participant, assessment, name, title, may }: WithdrawalProps): JSX.Element | null {
  const { busy, problem, run } = useAction();
  const withdraw = (): Promise<void> =>
    run(async (requestId) => {
      const { outcomes } = await supervision.withdrawAuthorization({
        requestId,
        sessionId: participant.sessionId,
        assessmentId: assessment.assessmentId,
        participantIds: [participant.participantId],
      });
      throwRefusal(outcomes);
    });
  return (
    <>
      <span role="status">
        <Result assessment={assessment} />
      </span>
      {may && canBeWithdrawn(participant, assessment) && (
        <button type="button" class="plain" disabled={busy} onClick={() => void withdraw()}>
          {text.withdraw} <span class="visually-hidden">{messages.supervision.assessmentFor(title, name)}</span>
        </button>
      )}
      <ProblemNote problem={problem} />
    </>
  );
}

function Result({ assessment: { state, withdrawal } }: { assessment: AssessmentProgress }): JSX.Element | null {
  if (withdrawal === WithdrawalState.PENDING) return <Badge tone="wait">{text.withdrawing}</Badge>;
  const runs = state === AssessmentProgressState.IN_PROGRESS;
  return runs && withdrawal === WithdrawalState.ALREADY_STARTED ? (
    <span class="hint">{text.alreadyStarted}</span>
  ) : null;
}

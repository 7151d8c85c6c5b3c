// The queue of raised hands on the supervision page.
import type { JSX } from "preact";
import { hands } from "../../api/client";
import { useAction } from "../../api/use-action";
import { ProblemNote } from "../../components/problem-note";
import { useNow } from "../../components/use-now";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import { messages } from "../../messages";
import type { OpenConversation } from "../messages/staff-messages";
import { useNames } from "../people/use-names";
import { kindName, queueOf, raisedAt, type Waiting } from "./hands";

const text = messages.hands;

interface HandQueueProps {
  participants: readonly Participant[];
  conversation: OpenConversation;
}

export function HandQueue({ participants, conversation }: HandQueueProps): JSX.Element {
  const queue = queueOf(participants);
  const name = useNames(participants.map(({ personId }) => personId));
  return (
    <section class="card" aria-labelledby="hands">
      <h2 id="hands">
        <span role="status">{text.title(queue.length)}</span>
      </h2>
      {queue.length === 0 && <p class="quiet">{text.none}</p>}
      <ol class="hands">
        {queue.map((waiting) => (
          <WaitingLearner
            key={waiting.hand.handId}
            waiting={waiting}
            name={name(waiting.participant.personId)}
            conversation={conversation}
          />
        ))}
      </ol>
    </section>
  );
}

interface WaitingLearnerProps {
  waiting: Waiting;
  name: string;
  conversation: OpenConversation;
}

function WaitingLearner({ waiting: { participant, hand }, name, conversation }: WaitingLearnerProps): JSX.Element {
  const now = useNow();
  const { busy, problem, run } = useAction();
  const { handId } = hand;
  const answer = (): void =>
    void run(async (requestId) => {
      await hands.answerHand({ requestId, handId });
      conversation.open(participant.participantId);
    }, `answer ${handId}`);
  const lower = (): void => void run((requestId) => hands.lowerHand({ requestId, handId }), `lower ${handId}`);
  const about = <span class="visually-hidden"> {text.answerOf(name)}</span>;
  return (
    <li class="row">
      <strong dir="auto">{name}</strong>
      <span>{kindName(hand)}</span>
      <span class="quiet">{text.waiting((now - raisedAt(hand)) / 1000)}</span>
      <button type="button" disabled={busy} onClick={answer}>
        {text.answer}
        {about}
      </button>
      <button type="button" class="plain" disabled={busy} onClick={lower}>
        {text.lower}
        {about}
      </button>
      <ProblemNote problem={problem} />
    </li>
  );
}

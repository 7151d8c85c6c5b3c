// The raised hand of a learner, with the buttons that answer and lower it.
import type { JSX } from "preact";
import { hands } from "../../api/client";
import { useAction } from "../../api/use-action";
import { ProblemNote } from "../../components/problem-note";
import { useNow } from "../../components/use-now";
import type { Hand } from "../../gen/proctorium/session/v1/hands_pb";
import { messages } from "../../messages";
import { kindName, raisedAt } from "./hands";

const text = messages.hands;

interface HandActionsProps {
  hand: Hand;
  name: string;
  /** Called after the hand was answered. */
  onAnswered: () => void;
}

export function HandActions({ hand, name, onAnswered }: HandActionsProps): JSX.Element {
  const now = useNow();
  const { busy, problem, run } = useAction();
  const { handId } = hand;
  const answer = (): void =>
    void run(async (requestId) => {
      await hands.answerHand({ requestId, handId });
      onAnswered();
    }, `answer ${handId}`);
  const lower = (): void => void run((requestId) => hands.lowerHand({ requestId, handId }), `lower ${handId}`);
  const about = <span class="visually-hidden"> {text.answerOf(name)}</span>;
  return (
    <section class="note" aria-label={text.title}>
      <p>
        <strong>{text.raised(kindName(hand))}</strong>{" "}
        <span class="quiet">{text.waiting((now - raisedAt(hand)) / 1000)}</span>
      </p>
      <div class="row">
        <button type="button" disabled={busy} onClick={answer}>
          {text.answer}
          {about}
        </button>
        <button type="button" class="plain" disabled={busy} onClick={lower}>
          {text.lower}
          {about}
        </button>
      </div>
      <ProblemNote problem={problem} />
    </section>
  );
}

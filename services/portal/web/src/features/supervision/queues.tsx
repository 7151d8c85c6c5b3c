// The queues of a session: the number of learners with each need. A press on a number shows only these learners.
import type { JSX } from "preact";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import { messages } from "../../messages";
import { countNeeds, isUrgent, needsOf, RULES } from "./attention";
import type { Queue } from "./roster-entry";

const text = messages.console.queues;

interface QueuesProps {
  participants: readonly Participant[];
  /** The number of learners on the roster, present or not. */
  total: number;
  shown: Queue;
  onShow: (queue: Queue) => void;
}

export function Queues({ participants, total, shown, onShow }: QueuesProps): JSX.Element {
  const counts = countNeeds(participants);
  const inNeed = participants.filter((participant) => needsOf(participant).length > 0).length;
  const counter = (queue: Queue, count: number, urgent: boolean): JSX.Element => (
    <button
      key={queue}
      type="button"
      class={urgent && count > 0 ? "queue urgent" : "queue"}
      aria-pressed={shown === queue}
      onClick={() => onShow(shown === queue ? "all" : queue)}
    >
      <strong>{count}</strong> {text[queue]}
    </button>
  );
  return (
    <div class="queues" role="group" aria-label={text.label}>
      {counter("all", total, false)}
      {counter("attention", inNeed, false)}
      {RULES.map(({ need }) => counter(need, counts.get(need) ?? 0, isUrgent(need)))}
    </div>
  );
}

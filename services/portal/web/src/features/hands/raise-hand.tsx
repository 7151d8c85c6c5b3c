// The control with which a learner raises and lowers their hand.
import type { JSX } from "preact";
import { useEffect, useId, useLayoutEffect, useRef, useState } from "preact/hooks";
import { hands } from "../../api/client";
import { useAction } from "../../api/use-action";
import { ProblemNote } from "../../components/problem-note";
import type { HandKind } from "../../gen/proctorium/session/v1/hands_pb";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import { messages } from "../../messages";
import { KINDS, kindName } from "./hands";

const text = messages.hands;

export function RaiseHand({ sessionId, participant }: { sessionId: string; participant: Participant }): JSX.Element {
  const { hand } = participant;
  const [choosing, setChoosing] = useState(false);
  const { busy, problem, run } = useAction();
  const status = useRaisedStatus(hand !== undefined);
  const raise = (kind: HandKind): void => {
    setChoosing(false);
    void run((requestId) => hands.raiseHand({ requestId, sessionId, kind }), `raise ${kind}`);
  };
  const lower = (handId: string): void =>
    void run((requestId) => hands.lowerHand({ requestId, handId }), `lower ${handId}`);
  return (
    <>
      {choosing && hand === undefined && <Kinds choose={raise} close={() => setChoosing(false)} />}
      <span role="status" class="hand-status">
        {hand ? text.raised(kindName(hand)) : status}
      </span>
      <ProblemNote problem={problem} />
      {hand ? (
        <button type="button" class="plain" disabled={busy} onClick={() => lower(hand.handId)}>
          {text.lower}
        </button>
      ) : (
        <button
          type="button"
          class="plain"
          disabled={busy}
          aria-expanded={choosing}
          onClick={() => setChoosing(!choosing)}
        >
          {text.raise}
        </button>
      )}
    </>
  );
}

function Kinds({ choose, close }: { choose: (kind: HandKind) => void; close: () => void }): JSX.Element {
  const group = useRef<HTMLFieldSetElement>(null);
  const legend = useId();
  useLayoutEffect(() => group.current?.querySelector("button")?.focus(), []);
  return (
    <fieldset
      ref={group}
      class="card kinds"
      aria-labelledby={legend}
      onKeyDown={(event) => event.key === "Escape" && close()}
    >
      <p id={legend}>{text.raiseFor}</p>
      <div class="row">
        {KINDS.map(([kind, name]) => (
          <button key={kind} type="button" class="plain" onClick={() => choose(kind)}>
            {name}
          </button>
        ))}
      </div>
    </fieldset>
  );
}

/** Return a sentence after the raised hand was lowered or answered. */
function useRaisedStatus(raised: boolean): string {
  const before = useRef(raised);
  const [status, setStatus] = useState("");
  useEffect(() => {
    if (before.current !== raised) setStatus(raised ? "" : text.answered);
    before.current = raised;
  }, [raised]);
  return status;
}

// A button for what cannot be taken back.
import type { JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { ProblemNote, useAction } from "./parts";

interface ConfirmedProps {
  ask: string;
  /** What it is about, where several stand on a page: heard, not seen. */
  of?: string;
  meaning: string;
  yes: string;
  no: string;
  busy: boolean;
  /** Something must be said first. */
  disabled?: boolean;
  /** There is nothing to ask at present: it acts at once. */
  certain?: boolean;
  act: () => void;
}

/** It asks first, and says what follows. */
export function Confirmed({ ask, of, meaning, yes, no, busy, disabled, certain, act }: ConfirmedProps): JSX.Element {
  const [asking, setAsking] = useState(false);
  const here = useRef<HTMLButtonElement>(null);
  const touched = useRef(false);
  // The button that was pressed is gone: the keyboard goes on where it stood, at what changes nothing.
  useEffect(() => {
    if (touched.current) here.current?.focus();
  }, [asking]);
  const turn = (on: boolean): void => {
    touched.current = true;
    setAsking(on);
  };
  const about = of && <span class="visually-hidden"> {of}</span>;
  if (!asking) {
    return (
      <button type="button" class={certain ? "" : "plain"} ref={here} disabled={(certain && busy) || disabled} onClick={() => (certain ? act() : turn(true))}>
        {ask}
        {about}
      </button>
    );
  }
  return (
    <div class="row" role="group" aria-label={ask}>
      <span>{meaning}</span>
      <button type="button" class="danger" disabled={busy || disabled} onClick={act}>
        {yes}
        {about}
      </button>
      <button type="button" class="plain" ref={here} disabled={busy} onClick={() => turn(false)}>
        {no}
      </button>
    </div>
  );
}

/** A button that asks before it sends the form that it stands in. */
export function ConfirmedSubmit(question: Omit<ConfirmedProps, "act">): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  return (
    <div ref={place}>
      <Confirmed {...question} act={() => place.current?.closest("form")?.requestSubmit()} />
    </div>
  );
}

interface ConfirmedActionProps extends Omit<ConfirmedProps, "busy" | "act"> {
  /** A text that it answers is shown when it has succeeded. */
  act: (requestId: string) => Promise<unknown>;
}

/** A button for an action that cannot be taken back, and what came of it. */
export function ConfirmedAction({ act, ...question }: ConfirmedActionProps): JSX.Element {
  const { busy, problem, done, run } = useAction();
  return (
    <>
      <Confirmed {...question} busy={busy} act={() => void run(act)} />
      <ProblemNote problem={problem} />
      <p role="status">{done}</p>
    </>
  );
}

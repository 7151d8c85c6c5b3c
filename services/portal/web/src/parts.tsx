// What several pages show: problems, busy buttons, dates, states.
import type { Timestamp } from "@bufbuild/protobuf/wkt";
import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useState } from "preact/hooks";
import { type Problem, problemOf } from "./calls";
import { help } from "./me";
import { go } from "./route";

export function Link(props: { to: string; class?: string; children: ComponentChildren }): JSX.Element {
  const follow = (event: MouseEvent): void => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    go(props.to);
  };
  return (
    <a href={props.to} class={props.class} onClick={follow}>
      {props.children}
    </a>
  );
}

/** A problem with its sentence and whom to ask. */
export function ProblemNote({ problem }: { problem: Problem | undefined }): JSX.Element | null {
  if (problem === undefined) return null;
  const contact = help.value;
  return (
    <div class="note problem" role="alert" data-reason={problem.reason}>
      <p>{problem.sentence}</p>
      {problem.retryAfterSeconds !== undefined && <p>You can try again in {problem.retryAfterSeconds} seconds.</p>}
      {contact?.administratorContact && (
        <p class="quiet">
          Help: <a href={`mailto:${contact.administratorContact}`}>{contact.administratorContact}</a>
          {contact.supportPhone && <>, {contact.supportPhone}</>}
        </p>
      )}
    </div>
  );
}

/** Runs an action once at a time and keeps what went wrong. */
export function useAction(): { busy: boolean; problem: Problem | undefined; run: (action: () => Promise<unknown>) => Promise<void> } {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | undefined>(undefined);
  const run = async (action: () => Promise<unknown>): Promise<void> => {
    if (busy) return;
    setBusy(true);
    setProblem(undefined);
    try {
      await action();
    } catch (thrown) {
      setProblem(problemOf(thrown));
    } finally {
      setBusy(false);
    }
  };
  return { busy, problem, run };
}

/** Loads something once per key; what it is, or the problem. */
export function useLoaded<Loaded>(key: string, load: () => Promise<Loaded>): { loaded: Loaded | undefined; problem: Problem | undefined; again: () => void } {
  const [state, setState] = useState<{ loaded: Loaded | undefined; problem: Problem | undefined }>({ loaded: undefined, problem: undefined });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let current = true;
    load().then(
      (loaded) => current && setState({ loaded, problem: undefined }),
      (thrown: unknown) => current && setState((before) => ({ ...before, problem: problemOf(thrown) })),
    );
    return () => {
      current = false;
    };
  }, [key, turn]);
  return { ...state, again: () => setTurn((before) => before + 1) };
}

export function Busy({ what }: { what: string }): JSX.Element {
  return (
    <p class="quiet" role="status">
      Loading {what}…
    </p>
  );
}

export function Badge({ tone, children }: { tone: "plain" | "good" | "wait" | "bad"; children: ComponentChildren }): JSX.Element {
  return <span class={`badge ${tone}`}>{children}</span>;
}

export function dateTime(time: Timestamp | undefined): string {
  if (time === undefined) return "";
  return timestampDate(time).toLocaleString(undefined, { dateStyle: "medium", timeStyle: "short" });
}

export function date(time: Timestamp | undefined): string {
  return time === undefined ? "" : timestampDate(time).toLocaleDateString(undefined, { dateStyle: "long" });
}

/** The mark of a proctored course. */
export function ProctorMark(): JSX.Element {
  return (
    <span class="proctor-mark" title="Proctored: taken in live sessions under a proctor">
      <svg viewBox="0 0 24 24" width="16" height="16" aria-hidden="true">
        <path
          fill="currentColor"
          d="M12 2 4 5v6c0 5 3.4 9.6 8 11 4.6-1.400 8-6 8-11V5l-8-3Zm0 5a3 3 0 1 1 0 6 3 3 0 0 1 0-6Zm0 12a7 7 0 0 1-5-2.300c.600-1.700 2.600-2.700 5-2.700s4.400 1 5 2.700A7 7 0 0 1 12 19Z"
        />
      </svg>
      Proctored
    </span>
  );
}

// What several pages show: titles, links, problems, states.
import type { ComponentChildren, JSX } from "preact";
import { useEffect, useRef, useState } from "preact/hooks";
import { untilAnswered } from "./again";
import { isAway, type Problem, problemOf } from "./calls";
import { newId } from "./ids";
import { help } from "./me";
import { go, path } from "./route";
import { duration } from "./words";

/** The heading of a page, which is its title in the browser too; `focused` where it appears without a change of address. */
export function Title({ focused, children }: { focused?: boolean; children: ComponentChildren }): JSX.Element {
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    document.title = `${heading.current?.textContent} · Proctorium`;
  });
  useEffect(() => {
    if (focused) heading.current?.focus();
  }, []);
  return (
    <h1 tabIndex={-1} ref={heading}>
      {children}
    </h1>
  );
}

export function Link(props: { to: string; class?: string; children: ComponentChildren }): JSX.Element {
  const follow = (event: MouseEvent): void => {
    if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
    event.preventDefault();
    go(props.to);
  };
  return (
    <a href={props.to} class={props.class} aria-current={props.to === path.value ? "page" : undefined} onClick={follow}>
      {props.children}
    </a>
  );
}

/** A problem with its sentence and whom to ask. */
export function ProblemNote({ problem }: { problem: Problem | undefined }): JSX.Element | null {
  if (problem === undefined) return null;
  return (
    <div class="note problem" role="alert" data-reason={problem.reason}>
      <p>{problem.sentence}</p>
      {problem.retryAfterSeconds !== undefined && <TryAgain seconds={problem.retryAfterSeconds} />}
      <Help />
    </div>
  );
}

/** Counts down, unheard, to when trying again makes sense. */
function TryAgain({ seconds }: { seconds: number }): JSX.Element {
  const [left, setLeft] = useState(seconds);
  useEffect(() => {
    if (left <= 0) return;
    const timer = setTimeout(() => setLeft(left - 1), 1000);
    return () => clearTimeout(timer);
  }, [left]);
  return <p aria-live="off">{left > 0 ? `You can try again in ${duration(left)}.` : "You can try again now."}</p>;
}

/** Whom to ask for help. */
export function Help(): JSX.Element | null {
  const contact = help.value;
  if (!contact?.administratorContact) return null;
  return (
    <p class="quiet help">
      Help: <a href={`mailto:${contact.administratorContact}`}>{contact.administratorContact}</a>
      {contact.supportPhone && (
        <>
          {" · "}
          <a href={`tel:${contact.supportPhone.replace(/[^+0-9]/g, "")}`}>{contact.supportPhone}</a>
        </>
      )}
    </p>
  );
}

interface Action {
  busy: boolean;
  problem: Problem | undefined;
  /** What the last action said when it had succeeded: a new one clears it, as it clears the problem. */
  done: string;
  /** Runs it with its request id; a text that it answers is `done`. `about` tells one thing asked for from another where the same call can ask for several. */
  run: (action: (requestId: string) => Promise<unknown>, about?: string) => Promise<void>;
}

const ARRIVED_BEFORE = "What you asked for before had arrived after all, as it was then. Look at it before you try again.";

/** Runs an action once at a time and keeps what went wrong. Until somebody answers, a repetition has the same request id and so is done once. */
export function useAction(): Action {
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<Problem | undefined>(undefined);
  const [done, setDone] = useState("");
  const requestIds = useRef(new Map<string, string>());
  const run: Action["run"] = async (action, about = "") => {
    if (busy) return;
    const requestId = requestIds.current.get(about) ?? newId();
    requestIds.current.set(about, requestId);
    setBusy(true);
    setProblem(undefined);
    setDone("");
    try {
      const said = await action(requestId);
      if (typeof said === "string") setDone(said);
      requestIds.current.delete(about);
    } catch (thrown) {
      if (!isAway(thrown)) requestIds.current.delete(about);
      const found = problemOf(thrown);
      setProblem(found.reason === "REQUEST_ID_REUSED" ? { ...found, sentence: ARRIVED_BEFORE } : found);
    } finally {
      setBusy(false);
    }
  };
  return { busy, problem, done, run };
}

/** Loads something once per key; what it is, or the problem. While nobody answers it tries again by itself, and what was loaded before stays. */
export function useLoaded<Loaded>(key: string, load: () => Promise<Loaded>): { loaded: Loaded | undefined; problem: Problem | undefined; again: () => void } {
  const [state, setState] = useState<{ loaded: Loaded | undefined; problem: Problem | undefined }>({ loaded: undefined, problem: undefined });
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    const leaving = new AbortController();
    const { signal } = leaving;
    const show = (problem: Problem): void => {
      if (!signal.aborted) setState((before) => ({ ...before, problem }));
    };
    untilAnswered(load, signal, (thrown) => show(whileAway(thrown))).then(
      (loaded) => !signal.aborted && setState({ loaded, problem: undefined }),
      (thrown: unknown) => show(problemOf(thrown)),
    );
    return () => leaving.abort();
  }, [key, turn]);
  return { ...state, again: () => setTurn((before) => before + 1) };
}

interface Paged<One> {
  items: readonly One[] | undefined;
  problem: Problem | undefined;
  /** Whether there is a further page. */
  more: boolean;
  /** Loads the next page; once more where that failed. */
  next: () => void;
  /** Loads the list again, from its first page. */
  again: () => void;
}

/** Loads a list a page at a time; what was loaded stays while a further page comes, and when it does not. */
export function usePages<Page extends { nextPageToken: string }, One>(
  ask: (pageToken: string) => Promise<Page>,
  listed: (page: Page) => readonly One[],
): Paged<One> {
  const none = { items: [] as readonly One[], pageToken: "" };
  const [before, setBefore] = useState(none);
  const { loaded, problem, again } = useLoaded(before.pageToken, async () => {
    const page = await ask(before.pageToken);
    return { items: [...before.items, ...listed(page)], pageToken: page.nextPageToken };
  });
  const load = (after: typeof none): void => {
    setBefore(after);
    again();
  };
  return { items: loaded?.items, problem, more: Boolean(loaded?.pageToken), next: () => load(loaded ?? none), again: () => load(none) };
}

/** What a page says that tries again by itself. */
function whileAway(thrown: unknown): Problem {
  const { reason, sentence } = problemOf(thrown);
  const what = reason === "OFFLINE" || reason === "TIMED_OUT" ? "The server cannot be reached just now." : sentence;
  return { reason, sentence: `${what} This page tries again by itself.` };
}

const A_WHILE_MS = 3000;

/** Says that something is on its way, and after a while that it takes long: whoever waits for it need not do anything about it. */
export function Busy({ what }: { what: string }): JSX.Element {
  const [isLong, setLong] = useState(false);
  useEffect(() => {
    const timer = setTimeout(() => setLong(true), A_WHILE_MS);
    return () => clearTimeout(timer);
  }, []);
  return (
    <p class="quiet" role="status">
      Loading {what}…{isLong && " This takes longer than usual. The page goes on trying by itself."}
    </p>
  );
}

export function Badge({ tone, children }: { tone: "plain" | "good" | "wait" | "bad"; children: ComponentChildren }): JSX.Element {
  return <span class={`badge ${tone}`}>{children}</span>;
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

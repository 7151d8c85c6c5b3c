// Hooks that load data for a page.
import { useEffect, useState } from "preact/hooks";
import { messages } from "../messages";
import { language } from "../messages/language";
import { type Problem, toProblem } from "./errors";
import { retryWhileUnreachable } from "./retry";

const text = messages.common;

interface Query<Data> {
  data: Data | undefined;
  problem: Problem | undefined;
  /** Loads the data again. The old data remains until the new data has arrived. */
  reload: () => void;
}

/**
 * Load data, and load it again when `key` changes. While the server is unreachable, the call is retried and earlier
 * data remains.
 */
export function useQuery<Data>(key: string, load: () => Promise<Data>): Query<Data> {
  const [state, setState] = useState<Omit<Query<Data>, "reload">>({ data: undefined, problem: undefined });
  const [revision, setRevision] = useState(0);
  useEffect(() => {
    const unmount = new AbortController();
    const { signal } = unmount;
    const show = (problem: Problem): void => {
      if (!signal.aborted) setState((before) => ({ ...before, problem }));
    };
    retryWhileUnreachable(load, signal, (thrown) => show(retrying(thrown))).then(
      (data) => !signal.aborted && setState({ data, problem: undefined }),
      (thrown: unknown) => show(toProblem(thrown)),
    );
    return () => unmount.abort();
  }, [key, revision]);
  return { ...state, reload: () => setRevision((before) => before + 1) };
}

interface PagedQuery<Item> {
  items: readonly Item[] | undefined;
  problem: Problem | undefined;
  /** Whether there is a further page. */
  hasMore: boolean;
  /** Loads the next page. If this fails, the next call tries to load the same page. */
  loadMore: () => void;
  /** Loads the list again, from its first page. */
  reload: () => void;
}

/** Load a list page by page. Loaded items remain while the next page is loaded, and also if loading the page fails. */
export function usePagedQuery<Page extends { nextPageToken: string }, Item>(
  list: (pageToken: string) => Promise<Page>,
  itemsOf: (page: Page) => readonly Item[],
): PagedQuery<Item> {
  const empty = { items: [] as readonly Item[], pageToken: "" };
  const [before, setBefore] = useState(empty);
  const { data, problem, reload } = useQuery(before.pageToken, async () => {
    const page = await list(before.pageToken);
    return { items: [...before.items, ...itemsOf(page)], pageToken: page.nextPageToken };
  });
  const loadAfter = (after: typeof empty): void => {
    setBefore(after);
    reload();
  };
  return {
    items: data?.items,
    problem,
    hasMore: Boolean(data?.pageToken),
    loadMore: () => loadAfter(data ?? empty),
    reload: () => loadAfter(empty),
  };
}

/** Return the problem that a page shows while a failed call is retried. */
function retrying(thrown: unknown): Problem {
  const { reason, sentence, lang = language } = toProblem(thrown);
  const isClear = reason !== "OFFLINE" && reason !== "TIMED_OUT" && lang === language;
  const cause = isClear ? sentence : text.unreachable;
  return { reason, sentence: `${cause} ${text.retriesAutomatically}` };
}

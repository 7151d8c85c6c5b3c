// What the console shows: the queue, the search, the selected learners, and the learner whose panel is open.
import { useRef, useState } from "preact/hooks";
import { focusRow } from "../../components/data-table";
import type { Draft } from "../messages/write-message";
import type { Queue } from "./roster-entry";

export type PanelTab = "overview" | "chat" | "timeline";

export interface Console {
  queue: Queue;
  setQueue: (queue: Queue) => void;
  search: string;
  setSearch: (search: string) => void;
  /** The IDs of the selected people. */
  selected: ReadonlySet<string>;
  setSelected: (selected: ReadonlySet<string>) => void;
  /** The ID of the person whose panel is open; undefined if the panel of the session is shown. */
  opened: string | undefined;
  tab: PanelTab;
  showTab: (tab: PanelTab) => void;
  /** Open the panel of a learner. */
  open: (personId: string, tab?: PanelTab) => void;
  /** Return the message to a learner that was written and not sent. */
  draftFor: (personId: string) => Draft;
  /** Close the panel. The row of the learner receives the focus. */
  close: () => void;
}

export function useConsole(): Console {
  const [queue, setQueue] = useState<Queue>("all");
  const [search, setSearch] = useState("");
  const [selected, setSelected] = useState<ReadonlySet<string>>(new Set());
  const [opened, setOpened] = useState<string | undefined>(undefined);
  const [tab, showTab] = useState<PanelTab>("overview");
  const drafts = useRef(new Map<string, Draft>());
  return {
    queue,
    setQueue,
    search,
    setSearch,
    selected,
    setSelected,
    opened,
    tab,
    showTab,
    open: (personId, wanted = "overview") => {
      setOpened(personId);
      showTab(wanted);
    },
    draftFor: (personId) => {
      const draft = drafts.current.get(personId) ?? { current: "" };
      drafts.current.set(personId, draft);
      return draft;
    },
    close: () => {
      setOpened(undefined);
      if (opened !== undefined) focusRow(opened);
    },
  };
}

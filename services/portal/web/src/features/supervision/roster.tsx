// The roster of a session: everybody who has joined or is invited. Learners who need attention come first. A row only
// opens or selects its learner, so that a press on a row that has just moved does no harm.

import { Users } from "lucide";
import type { JSX } from "preact";
import { useMemo } from "preact/hooks";
import { DataTable } from "../../components/data-table";
import { EmptyState } from "../../components/empty-state";
import { type Session, SessionState } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { isOver } from "../sessions/sessions";
import { useAssessmentTitles } from "../sessions/use-assessment-titles";
import { BulkActions } from "./bulk-actions";
import { Queues } from "./queues";
import { rosterColumns } from "./roster-columns";
import { isShown, type RosterEntry } from "./roster-entry";
import { SEARCH_ID } from "./shortcuts";
import type { Console } from "./use-console";

const text = messages.supervision;

interface RosterProps {
  session: Session;
  entries: readonly RosterEntry[];
  console: Console;
  /** Whether the person can act in the session. */
  may: boolean;
  onReport: ((participantId: string) => void) | undefined;
}

export function Roster({ session, entries, console, may, onReport }: RosterProps): JSX.Element {
  const { queue, search, selected } = console;
  const over = isOver(session);
  const title = useAssessmentTitles(session);
  const titles = (session.plan?.assessmentIds ?? []).map(title).join();
  const columns = useMemo(() => rosterColumns(session, title), [session.state, titles]);
  const shown = useMemo(
    () => entries.filter((entry) => isShown(entry, over ? "all" : queue, search)),
    [entries, queue, search, over],
  );
  const participants = entries.flatMap(({ participant }) => participant ?? []);
  const onRowKey = (event: KeyboardEvent, { personId, participant }: RosterEntry): void => {
    if (event.ctrlKey || event.metaKey || event.altKey || participant === undefined) return;
    if (event.key === "i" && onReport) onReport(participant.participantId);
    else if (event.key === "c") console.open(personId, "chat");
    else return;
    event.preventDefault();
  };
  return (
    <section aria-labelledby="roster" class="roster">
      <div class="row apart">
        <h2 id="roster">{text.learnersTitle}</h2>
        <Search search={search} onSearch={console.setSearch} />
      </div>
      <p role="status">{summary(session, participants.length, entries)}</p>
      {!over && <Queues participants={participants} total={entries.length} shown={queue} onShow={console.setQueue} />}
      {may && selected.size > 0 && (
        <BulkActions
          session={session}
          chosen={entries.filter(({ personId }) => selected.has(personId))}
          onClear={() => console.setSelected(new Set())}
        />
      )}
      {shown.length === 0 ? (
        <EmptyState icon={Users}>
          <p>{emptyText(session, entries, search)}</p>
        </EmptyState>
      ) : (
        <DataTable
          label={text.rosterCaption}
          columns={columns}
          rows={shown}
          keyOf={({ personId }) => personId}
          nameOf={({ name }) => name}
          isMarked={({ needs }) => needs.length > 0}
          opened={console.opened}
          onOpen={({ personId }) => console.open(personId)}
          selection={may ? { keys: selected, onChange: console.setSelected } : undefined}
          onRowKey={onRowKey}
          keyShortcuts={may ? "x i c" : undefined}
        />
      )}
    </section>
  );
}

function Search({ search, onSearch }: { search: string; onSearch: (search: string) => void }): JSX.Element {
  return (
    <label class="search">
      <span class="visually-hidden">{messages.console.search}</span>
      <input
        id={SEARCH_ID}
        type="search"
        placeholder={messages.console.search}
        value={search}
        onInput={(event) => onSearch(event.currentTarget.value)}
      />
    </label>
  );
}

function emptyText(session: Session, entries: readonly RosterEntry[], search: string): string {
  if (entries.length === 0) return isOver(session) ? text.nobodyHadJoined : text.nobodyJoined;
  return search.trim() === "" ? text.nobodyNeedsAttention : messages.console.nobodyFound;
}

function summary(session: Session, joined: number, entries: readonly RosterEntry[]): string {
  const over = isOver(session);
  const absent = entries.length - joined;
  const inNeed = entries.filter(({ needs }) => needs.length > 0).length;
  const countsAbsent = absent > 0 && session.state !== SessionState.CANCELLED;
  return [
    text.summary.joined(joined),
    countsAbsent && (over ? text.summary.didNotCome(absent) : text.summary.absent(absent)),
    !over && text.summary.attention(inNeed),
    ".",
  ]
    .filter(Boolean)
    .join("");
}

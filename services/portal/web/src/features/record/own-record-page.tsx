// Everything that a session's record contains about the learner who is signed in.
import type { ComponentChildren, JSX } from "preact";
import { record } from "../../api/client";
import { usePagedQuery } from "../../api/use-query";
import { Link } from "../../components/link";
import { Loading } from "../../components/loading";
import { PageTitle } from "../../components/page-title";
import { ProblemNote } from "../../components/problem-note";
import { type OwnRecordEntry, RecordActor } from "../../gen/proctorium/session/v1/supervision_pb";
import { messages } from "../../messages";
import { timeWithSeconds } from "../../messages/format";

const text = messages.record;

const PAGE_SIZE = 200;

const ACTORS: Readonly<Record<number, string>> = {
  [RecordActor.LEARNER]: text.actor.learner,
  [RecordActor.STAFF]: text.actor.staff,
  [RecordActor.SERVICE]: text.actor.service,
};

export function OwnRecordPage({ sessionId }: { sessionId: string }): JSX.Element {
  const { items, problem, hasMore, loadMore } = usePagedQuery(
    (pageToken) => record.getMyRecord({ sessionId, pageSize: PAGE_SIZE, pageToken }),
    ({ entries }) => entries,
  );
  return (
    <>
      <PageTitle>{text.title}</PageTitle>
      <p>
        <Link to={`/sessions/${sessionId}`}>{text.toSession}</Link>
      </p>
      <p>{text.hint}</p>
      <ProblemNote problem={problem} />
      {items === undefined && problem === undefined && <Loading what={text.loading} />}
      {items && <Entries entries={items} />}
      {hasMore && (
        <button type="button" class="plain" onClick={loadMore}>
          {text.more}
        </button>
      )}
    </>
  );
}

function Entries({ entries }: { entries: readonly OwnRecordEntry[] }): JSX.Element {
  return (
    <section aria-label={text.title} class="stacking">
      <table class="stacks" role="table">
        <caption class="visually-hidden">{text.title}</caption>
        <thead role="rowgroup">
          <tr role="row">
            {Object.values(text.columns).map((head) => (
              <th key={head} scope="col" role="columnheader">
                {head}
              </th>
            ))}
          </tr>
        </thead>
        <tbody role="rowgroup">
          {entries.map((entry) => (
            <tr key={entry.number} role="row">
              <Cell label={text.columns.time}>{timeWithSeconds(entry.time)}</Cell>
              <Cell label={text.columns.event}>
                {eventText(entry.event)}
                {entry.changeCount > 0 && ` (${text.changes(entry.changeCount)})`}
              </Cell>
              <Cell label={text.columns.actor}>{ACTORS[entry.actor]}</Cell>
              <Cell label={text.columns.concerns}>{entry.own ? text.concerns.you : text.concerns.everybody}</Cell>
            </tr>
          ))}
        </tbody>
      </table>
    </section>
  );
}

function Cell({ label, children }: { label: string; children: ComponentChildren }): JSX.Element {
  return (
    <td role="cell" data-label={label}>
      {children}
    </td>
  );
}

/** Return the sentence for an event. An event that the catalogue does not contain is shown with its name. */
export function eventText(event: string): string {
  return text.events[event as keyof typeof text.events] ?? event;
}

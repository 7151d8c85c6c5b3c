// Everything that a session's record contains about the learner who is signed in.
import type { JSX } from "preact";
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
      {items && items.length > 0 && <Entries entries={items} />}
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
    <ol class="timeline card" aria-label={text.title}>
      {entries.map(({ number, time, event, actor, own, changeCount }) => (
        <li key={String(number)} class={own ? "" : "whole-session"}>
          <span class="quiet">{timeWithSeconds(time)}</span>
          <span>
            {eventText(event)}
            {changeCount > 0 && ` (${text.changes(changeCount)})`}
          </span>
          <span class="quiet">
            {text.facts(ACTORS[actor] ?? "", own ? text.concerns.you : text.concerns.everybody)}
          </span>
        </li>
      ))}
    </ol>
  );
}

/** Return the sentence for an event. An event that the catalogue does not contain is shown with its name. */
export function eventText(event: string): string {
  return text.events[event as keyof typeof text.events] ?? event;
}

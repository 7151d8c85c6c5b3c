// The timeline of a learner: the entries of the session record that concern the learner or the whole session.
import { timestampMs } from "@bufbuild/protobuf/wkt";
import type { JSX } from "preact";
import { record } from "../../api/client";
import { listAll } from "../../api/pagination";
import { useQuery } from "../../api/use-query";
import { Loading } from "../../components/loading";
import { ProblemNote } from "../../components/problem-note";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import type { RecordEntry } from "../../gen/proctorium/session/v1/supervision_pb";
import { messages } from "../../messages";
import { timeWithOffset } from "../../messages/format";
import { useNames } from "../people/use-names";

const text = messages.timeline;

const PAGE_SIZE = 1000;
/** The length of the ID of a person. The actor of an entry is a person or a service, and names of services are shorter. */
const ID_LENGTH = 36;

interface TimelineProps {
  sessionId: string;
  participant: Participant;
}

export function Timeline({ sessionId, participant: { participantId, personId } }: TimelineProps): JSX.Element {
  const { data, problem, reload } = useQuery(`timeline/${sessionId}/${participantId}`, async () => {
    const entries = await listAll(
      (pageToken) => record.getRecord({ sessionId, pageSize: PAGE_SIZE, pageToken }),
      (page) => page.entries,
    );
    return entries.filter((entry) => entry.participantId === participantId || entry.participantId === "").reverse();
  });
  const people = (data ?? []).map(({ actor }) => actor).filter((actor) => actor.length === ID_LENGTH);
  const name = useNames(people);
  return (
    <>
      <div class="row apart">
        <p class="quiet">{text.hint}</p>
        <button type="button" class="link" onClick={reload}>
          {text.reload}
        </button>
      </div>
      <ProblemNote problem={problem} />
      {data === undefined && problem === undefined && <Loading what={text.loading} />}
      <ol class="timeline" aria-label={text.label}>
        {data?.map((entry) => (
          <Entry
            key={String(entry.number)}
            entry={entry}
            actor={entry.actor === personId ? "" : actorName(entry, name)}
          />
        ))}
      </ol>
    </>
  );
}

/** Return the name of the person who caused an entry; empty if a service caused it. */
function actorName({ actor }: RecordEntry, name: (personId: string) => string): string {
  return actor.length === ID_LENGTH ? name(actor) : "";
}

function Entry({ entry, actor }: { entry: RecordEntry; actor: string }): JSX.Element {
  const sentence = text.events[entry.event as keyof typeof text.events];
  return (
    <li class={entry.participantId === "" ? "whole-session" : ""}>
      <span class="quiet">{entry.time ? timeWithOffset(timestampMs(entry.time)) : ""}</span>
      <span>
        {sentence ?? <span translate={false}>{entry.event}</span>}
        {entry.changeCount > 0 && ` (${messages.record.changes(entry.changeCount)})`}
        {actor !== "" && (
          <span class="quiet" dir="auto">
            {" "}
            {actor}
          </span>
        )}
      </span>
    </li>
  );
}

// The roster of a session. The rows are in the order in which the learners joined, and never move. If a row moved, a
// proctor could press the button of another learner by accident. Participants who need the proctor are marked and
// counted, and a filter shows only these participants. Invited learners who have not joined come last.
import type { JSX } from "preact";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import { type Session, SessionState } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { acceptsIncidents } from "../incidents/incidents";
import type { Incidents } from "../incidents/use-incidents";
import type { OpenConversation } from "../messages/staff-messages";
import { useNames } from "../people/use-names";
import { useProctorNotes } from "../people/use-proctor-notes";
import { isOver } from "../sessions/sessions";
import { useAssessmentTitles } from "../sessions/use-assessment-titles";
import { needsOf } from "./attention";
import { byArrival } from "./participants";
import { maySupervise } from "./permissions";
import { AbsentRow, RosterRow } from "./roster-row";
import { useAttentionFilter } from "./use-attention-filter";

const text = messages.supervision;

interface RosterProps {
  session: Session;
  participants: Participant[];
  incidents: Incidents;
  /** The conversation that is open, if the person may read messages. */
  conversation: OpenConversation | undefined;
}

export function Roster({ session, participants, incidents, conversation }: RosterProps): JSX.Element {
  const joined = new Set(participants.map(({ personId }) => personId));
  const absent = (session.plan?.learnerIds ?? []).filter((personId) => !joined.has(personId));
  const name = useNames([...joined, ...absent]);
  const note = useProctorNotes([...joined, ...absent]);
  const title = useAssessmentTitles(session);
  const over = isOver(session);
  const arrived = [...participants].sort(byArrival);
  const inNeed = over ? [] : arrived.filter((participant) => needsOf(participant).length > 0);
  const filter = useAttentionFilter(arrived, inNeed);
  const shown = over ? arrived : filter.shown;
  if (arrived.length + absent.length === 0) return <p>{over ? text.nobodyHadJoined : text.nobodyJoined}</p>;
  const { learner, attention, state, connection, identity, assessment } = text.columns;
  const reports = acceptsIncidents(session) ? incidents : undefined;
  const columns = [
    ...(over ? [learner, state, identity, assessment] : [learner, attention, state, connection, identity, assessment]),
    ...(conversation ? [text.columns.messages] : []),
    ...(reports?.write ? [text.columns.incidents] : []),
  ];
  return (
    <section aria-labelledby="roster" class="stacking">
      <h2 id="roster">{text.learnersTitle}</h2>
      <p role="status">{summary(session, arrived.length, absent.length, inNeed.length)}</p>
      {!over && (
        <div class="row">
          <label class="choice">
            <input
              type="checkbox"
              checked={filter.on}
              onChange={(event) => filter.setOn(event.currentTarget.checked)}
            />
            {text.showOnlyAttention}
          </label>
          {filter.settled > 0 && (
            <button type="button" class="plain" onClick={filter.hideSettled}>
              {text.hideSettled(filter.settled)}
            </button>
          )}
        </div>
      )}
      {filter.on && !over && shown.length === 0 ? (
        <p>{text.nobodyNeedsAttention}</p>
      ) : (
        <table class="stacks" role="table">
          <caption class="visually-hidden">{text.rosterCaption}</caption>
          <thead role="rowgroup">
            <tr role="row">
              {columns.map((column) => (
                <th key={column} scope="col" role="columnheader">
                  {column}
                </th>
              ))}
            </tr>
          </thead>
          <tbody role="rowgroup">
            {shown.map((participant) => (
              <RosterRow
                key={participant.participantId}
                session={session}
                participant={participant}
                name={name(participant.personId)}
                note={note(participant.personId)}
                title={title}
                may={!over && maySupervise(session, participants)}
                incidents={reports}
                conversation={conversation}
              />
            ))}
            {(over || !filter.on) &&
              absent.map((personId) => (
                <AbsentRow
                  key={personId}
                  session={session}
                  name={name(personId)}
                  note={note(personId)}
                  incidents={reports}
                  conversation={conversation}
                />
              ))}
          </tbody>
        </table>
      )}
    </section>
  );
}

function summary(session: Session, joined: number, absent: number, inNeed: number): string {
  const over = isOver(session);
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

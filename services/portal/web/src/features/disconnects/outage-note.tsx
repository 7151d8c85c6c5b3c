// What a learner reads after an outage, and what a proctor reads about the outages of a learner.
import { durationMs } from "@bufbuild/protobuf/wkt";
import type { JSX } from "preact";
import type { Attempt } from "../../gen/proctorium/assessment/v1/attempts_pb";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { timeOfDay } from "../../messages/format";
import { givenBack, openOutageSince, secondsOfOutage } from "./outages";

const text = messages.disconnects;

interface OutageNoteProps {
  participant: Participant | undefined;
  attempt: Attempt;
}

/** The newest outage of the learner, and the time that was given back. Screen readers read each change. */
export function OutageNote({ participant, attempt }: OutageNoteProps): JSX.Element {
  const lost = secondsOfOutage(participant);
  const returned = attempt.returnedTime ? Math.round(durationMs(attempt.returnedTime) / 1000) : 0;
  return (
    <div role="status">
      {lost !== undefined && returned > 0 && <p class="note">{text.givenBack(lost, returned)}</p>}
    </div>
  );
}

/** The open outage of a learner, and the time that was given back in each attempt. */
export function OutageFacts({ session, participant }: { session: Session; participant: Participant }): JSX.Element {
  const since = openOutageSince(participant);
  const lost = secondsOfOutage(participant);
  const returned = givenBack(session, participant)?.filter(({ seconds }) => seconds > 0) ?? [];
  return (
    <>
      {since !== undefined && <p class="quiet">{text.outageSince(timeOfDay(since))}</p>}
      {lost !== undefined && <p class="quiet">{text.latestOutage(lost)}</p>}
      {returned.map(({ limit, seconds }) => (
        <p key={seconds} class="quiet">
          {text.givenBackOf(seconds, limit - seconds)}
        </p>
      ))}
    </>
  );
}

// The outcome of a request for several learners: how many were changed, and why others were not.
import type { JSX } from "preact";
import { SERVICES_LANGUAGE } from "../../api/errors";
import type { ParticipantOutcome } from "../../gen/proctorium/session/v1/supervision_pb";
import { messages } from "../../messages";
import { changedParticipants } from "./outcomes";

const text = messages.console.bulk;

interface OutcomeListProps {
  outcomes: readonly ParticipantOutcome[];
  name: (participantId: string) => string;
}

export function OutcomeList({ outcomes, name }: OutcomeListProps): JSX.Element {
  const changed = changedParticipants(outcomes).length;
  const refused = outcomes.flatMap(({ participantId, outcome }) =>
    outcome.case === "error" ? [{ participantId, message: outcome.value.message }] : [],
  );
  return (
    <div class={refused.length > 0 ? "note problem" : "note"}>
      <p>{text.changed(changed, outcomes.length)}</p>
      {refused.length > 0 && (
        <ul>
          {refused.map(({ participantId, message }) => (
            <li key={participantId}>
              <bdi>{name(participantId)}</bdi>: <span lang={SERVICES_LANGUAGE}>{message}</span>
            </li>
          ))}
        </ul>
      )}
    </div>
  );
}

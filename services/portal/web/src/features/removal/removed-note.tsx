// What a learner reads after a removal, and after the end of the session for this learner only.
import type { JSX } from "preact";
import { HelpContact } from "../../components/help-contact";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { canBeReadmitted } from "./removed";

const text = messages.removal;

export function RemovedNote({ session, participant }: { session: Session; participant: Participant }): JSX.Element {
  return (
    <section class="note problem" role="alert">
      <h2>{text.removedTitle}</h2>
      <p class="text" dir="auto">
        {text.reason(participant.removalReason)}
      </p>
      {canBeReadmitted(session, participant) ? (
        <p>{text.removedHint}</p>
      ) : (
        <>
          {participant.endReason !== "" && (
            <p class="text" dir="auto">
              {text.endedForYou(participant.endReason)}
            </p>
          )}
          <p>{text.removedFinally}</p>
        </>
      )}
      <HelpContact />
    </section>
  );
}

/** The note that the session was ended for the learner. Shows nothing if it was not. */
export function EndedNote({ participant }: { participant: Participant }): JSX.Element | null {
  if (participant.endReason === "") return null;
  return (
    <p class="note text" role="status" dir="auto">
      {text.endedForYou(participant.endReason)}
    </p>
  );
}

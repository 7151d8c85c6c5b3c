// What a learner who joined after the start sees: that a proctor decides, or that the entry was denied.
import type { ComponentChildren, JSX } from "preact";
import { HelpContact } from "../../components/help-contact";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import { messages } from "../../messages";
import { dateTime } from "../../messages/format";

const text = messages.order;

/** `children` are the proctors and the identity check, which are shown below the text. */
export function AwaitingApproval({
  participant,
  children,
}: {
  participant: Participant;
  children: ComponentChildren;
}): JSX.Element {
  return (
    <section class="card">
      <h2>{text.awaitingTitle}</h2>
      <p>{text.awaiting}</p>
      <p>{text.awaitingSince(<strong>{dateTime(participant.joinTime)}</strong>)}</p>
      {children}
    </section>
  );
}

export function EntryDenied({ participant }: { participant: Participant }): JSX.Element {
  return (
    <section class="note problem" role="alert">
      <h2>{text.deniedTitle}</h2>
      <p class="text" dir="auto">
        {text.deniedReason(participant.denialReason)}
      </p>
      <p>{text.deniedHint}</p>
      <HelpContact />
    </section>
  );
}

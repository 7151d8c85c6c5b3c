// The messages of proctors: the conversation with one learner, and the announcements.
import type { JSX } from "preact";
import { conversations } from "../../api/client";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import type { Message } from "../../gen/proctorium/session/v1/messages_pb";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { hasRole, me, Role } from "../account/current-user";
import { useNames } from "../people/use-names";
import { Chat } from "./chat";
import { acceptsMessages, isNameHidden } from "./conversation";
import { MessageText } from "./message-log";
import { useAnnouncements, useLearnerConversation } from "./use-conversation";
import { type Draft, WriteMessage } from "./write-message";

const text = messages.conversations;

interface LearnerChatProps {
  session: Session;
  participant: Participant;
  name: string;
  live: readonly Message[];
  draft: Draft;
}

/** The conversation with a learner. Use the participant's ID as the `key` of the component. */
export function LearnerChat({ session, participant, name, live, draft }: LearnerChatProps): JSX.Element {
  const conversation = useLearnerConversation(session, participant, live);
  const senderName = useSenderNames(conversation.messages);
  return (
    <section aria-label={text.titleOf(name)} class="chat">
      <Chat
        session={session}
        participant={participant}
        conversation={conversation}
        unread={participant.conversation?.proctorsUnreadCount ?? 0}
        title={text.titleOf(name)}
        sender={(message) => (message.senderId === participant.personId ? name : senderName(message))}
        writeLabel={text.toLearner(name)}
        draft={draft}
      />
    </section>
  );
}

interface AnnouncementsProps {
  session: Session;
  participants: readonly Participant[];
  live: readonly Message[];
}

export function Announcements({ session, participants, live }: AnnouncementsProps): JSX.Element {
  const { sessionId, announcementCount } = session;
  const announcements = useAnnouncements(session, live);
  const senderName = useSenderNames(announcements.messages);
  const readers = (sequence: number): number =>
    participants.filter(({ conversation }) => (conversation?.announcementsReadSequence ?? 0) >= sequence).length;
  return (
    <section class="card" aria-labelledby="announcements">
      <h2 id="announcements">{text.announcements(announcementCount)}</h2>
      {acceptsMessages(session) && (
        <WriteMessage
          label={text.announceLabel}
          button={text.announce}
          sent={text.announced}
          send={(requestId, written) => conversations.announce({ requestId, sessionId, text: written })}
        />
      )}
      {announcementCount === 0 && <p class="quiet">{text.noAnnouncement}</p>}
      {[...(announcements.messages ?? [])].reverse().map((message) => (
        <div key={message.sequence} class="step">
          <MessageText message={message} sender={senderName(message)} />
          <p class="quiet">{text.readBy(readers(message.sequence), participants.length)}</p>
        </div>
      ))}
    </section>
  );
}

/** Return a function from a message of a proctor or an administrator to the name of the sender. */
function useSenderNames(sent: readonly Message[] | undefined): (message: Message) => string {
  const name = useNames((sent ?? []).map(({ senderId }) => senderId));
  return (message) => {
    if (message.senderId === me.value?.personId) return text.you;
    return isNameHidden(message, hasRole(Role.ADMINISTRATOR)) ? text.administrator : name(message.senderId);
  };
}

// The messages on the supervision page: the conversation with one learner in a drawer, and the announcements.
import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { conversations } from "../../api/client";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import type { Message } from "../../gen/proctorium/session/v1/messages_pb";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { hasRole, me, Role } from "../account/current-user";
import { useNames } from "../people/use-names";
import { Chat } from "./chat";
import { acceptsMessages, isNameHidden } from "./conversation";
import { Drawer } from "./drawer";
import { MessageText } from "./message-log";
import { UnreadBadge } from "./unread-badge";
import { useAnnouncements, useLearnerConversation } from "./use-conversation";
import { WriteMessage } from "./write-message";

const text = messages.conversations;

/** The conversation that is open on the supervision page. */
export interface OpenConversation {
  /** The ID of the participant; undefined if no conversation is open. */
  participantId: string | undefined;
  open: (participantId: string) => void;
  /** Close the conversation. The element that had the focus before receives it again. */
  close: () => void;
}

export function useOpenConversation(): OpenConversation {
  const [participantId, setParticipantId] = useState<string | undefined>(undefined);
  const opener = useRef<HTMLElement | undefined>(undefined);
  return {
    participantId,
    open: (id) => {
      opener.current = document.activeElement as HTMLElement;
      setParticipantId(id);
    },
    close: () => {
      setParticipantId(undefined);
      opener.current?.focus();
    },
  };
}

interface LearnerConversationProps {
  participant: Participant;
  name: string;
  conversation: OpenConversation;
}

/** The button that opens the conversation with a learner, and the number of unread messages. */
export function OpenMessages({ participant, name, conversation }: LearnerConversationProps): JSX.Element {
  return (
    <button type="button" class="plain" onClick={() => conversation.open(participant.participantId)}>
      {text.open} <span class="visually-hidden">{text.openWith(name)}</span>{" "}
      <UnreadBadge count={participant.conversation?.proctorsUnreadCount ?? 0} />
    </button>
  );
}

interface StaffMessagesProps {
  session: Session;
  participants: readonly Participant[];
  live: readonly Message[];
  conversation: OpenConversation;
}

export function StaffMessages({ session, participants, live, conversation }: StaffMessagesProps): JSX.Element {
  const name = useNames(participants.map(({ personId }) => personId));
  const shown = participants.find(({ participantId }) => participantId === conversation.participantId);
  return (
    <>
      <Announcements session={session} participants={participants} live={live} />
      {shown && (
        <Drawer key={shown.participantId} title={text.titleOf(name(shown.personId))} onClose={conversation.close}>
          <LearnerChat session={session} participant={shown} name={name(shown.personId)} live={live} />
        </Drawer>
      )}
    </>
  );
}

interface LearnerChatProps {
  session: Session;
  participant: Participant;
  name: string;
  live: readonly Message[];
}

function LearnerChat({ session, participant, name, live }: LearnerChatProps): JSX.Element {
  const conversation = useLearnerConversation(session, participant, live);
  const senderName = useSenderNames(conversation.messages);
  return (
    <Chat
      session={session}
      participant={participant}
      conversation={conversation}
      unread={participant.conversation?.proctorsUnreadCount ?? 0}
      title={text.titleOf(name)}
      sender={(message) => (message.senderId === participant.personId ? name : senderName(message))}
      writeLabel={text.toLearner(name)}
    />
  );
}

interface AnnouncementsProps {
  session: Session;
  participants: readonly Participant[];
  live: readonly Message[];
}

function Announcements({ session, participants, live }: AnnouncementsProps): JSX.Element {
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

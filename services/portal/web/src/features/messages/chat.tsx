// The conversation of a learner and the proctors: the messages, and a form for a new message.
import type { JSX } from "preact";
import { conversations } from "../../api/client";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import type { Message } from "../../gen/proctorium/session/v1/messages_pb";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { canWrite } from "./conversation";
import { MessageLog } from "./message-log";
import { type LoadedConversation, useMarkRead } from "./use-conversation";
import { type Draft, WriteMessage } from "./write-message";

const text = messages.conversations;

interface ChatProps {
  session: Session;
  participant: Participant;
  conversation: LoadedConversation;
  /** The number of unread messages of the person who reads. */
  unread: number;
  title: string;
  sender: (message: Message) => string;
  writeLabel: string;
  writeHint?: string;
  draft: Draft;
}

export function Chat({ session, participant, conversation, unread, title, sender, ...write }: ChatProps): JSX.Element {
  const { sessionId } = session;
  const { participantId } = participant;
  useMarkRead({ sessionId, participantId, unread, messages: conversation.messages });
  return (
    <>
      <MessageLog label={title} conversation={conversation} sender={sender} />
      {canWrite(session, participant) ? (
        <WriteMessage
          label={write.writeLabel}
          hint={write.writeHint}
          button={text.send}
          draft={write.draft}
          send={(requestId, written) =>
            conversations.sendMessage({ requestId, sessionId, participantId, text: written })
          }
        />
      ) : (
        <p>{text.closed}</p>
      )}
    </>
  );
}

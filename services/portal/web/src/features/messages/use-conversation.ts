// Hooks that load a conversation and mark it as read.
import { useEffect, useState } from "preact/hooks";
import { conversations } from "../../api/client";
import type { Problem } from "../../api/errors";
import { usePagedQuery } from "../../api/use-query";
import { useOnVisible } from "../../components/use-on-visible";
import type { Participant } from "../../gen/proctorium/session/v1/lobby_pb";
import type { Message } from "../../gen/proctorium/session/v1/messages_pb";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";
import { ANNOUNCEMENTS, isComplete, merged, messagesOf } from "./conversation";

export interface LoadedConversation {
  /** The messages, oldest first; undefined until they are loaded. */
  messages: readonly Message[] | undefined;
  problem: Problem | undefined;
  hasEarlier: boolean;
  loadEarlier: () => void;
}

interface ConversationOptions {
  sessionId: string;
  participantId: string;
  /** The number of messages in the conversation, from the stream. */
  count: number;
  /** The messages of the conversation that the stream has delivered. */
  live: readonly Message[];
}

/**
 * Load the newest messages of a conversation, and add the messages of the stream. If messages are missing, for example
 * after a long interruption, load the newest messages again. The component needs a `key` that identifies the
 * conversation.
 */
function useConversation({ sessionId, participantId, count, live }: ConversationOptions): LoadedConversation {
  const { items, problem, hasMore, loadMore, reload } = usePagedQuery(
    async (pageToken) =>
      count > 0
        ? await conversations.listMessages({ sessionId, participantId, pageToken })
        : { messages: [], nextPageToken: "" },
    (page) => page.messages,
  );
  const messages = items && merged(items, live);
  const missing = messages !== undefined && !isComplete(messages, count);
  useEffect(() => {
    if (missing) reload();
  }, [missing, count]);
  return { messages, problem, hasEarlier: hasMore, loadEarlier: loadMore };
}

/** Load the conversation of a learner with the proctors. `live` are the messages that the stream has delivered. */
export function useLearnerConversation(
  session: Session,
  participant: Participant,
  live: readonly Message[],
): LoadedConversation {
  const { participantId } = participant;
  return useConversation({
    sessionId: session.sessionId,
    participantId,
    count: participant.conversation?.messageCount ?? 0,
    live: messagesOf(live, participantId),
  });
}

/** Load the announcements of a session. `live` are the messages that the stream has delivered. */
export function useAnnouncements(session: Session, live: readonly Message[]): LoadedConversation {
  return useConversation({
    sessionId: session.sessionId,
    participantId: ANNOUNCEMENTS,
    count: session.announcementCount,
    live: messagesOf(live, ANNOUNCEMENTS),
  });
}

interface MarkOptions {
  sessionId: string;
  participantId: string;
  /** The number of unread messages, from the stream. */
  unread: number;
  messages: readonly Message[] | undefined;
}

/** Mark messages as read while the component that shows them is mounted and the person looks at the page. */
export function useMarkRead({ sessionId, participantId, unread, messages }: MarkOptions): void {
  const [returned, setReturned] = useState(0);
  useOnVisible(() => setReturned((before) => before + 1));
  const sequence = messages?.at(-1)?.sequence ?? 0;
  useEffect(() => {
    if (unread === 0 || sequence === 0 || document.hidden) return;
    // If the call fails, the messages stay unread until the next message or the person's next return to the page.
    void conversations.markMessagesRead({ sessionId, participantId, sequence }).catch(() => undefined);
  }, [unread > 0, sequence, returned]);
}

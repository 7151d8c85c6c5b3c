// The messages of a learner: announcements as a banner, and the conversation with the proctors in a drawer. The
// question stays on the page while the learner reads and writes messages.
import type { JSX } from "preact";
import { useRef, useState } from "preact/hooks";
import { conversations } from "../../api/client";
import { useAction } from "../../api/use-action";
import { ProblemNote } from "../../components/problem-note";
import { Role } from "../../gen/proctorium/options/v1/options_pb";
import type { Participant, WatchSessionResponse } from "../../gen/proctorium/session/v1/lobby_pb";
import type { Message } from "../../gen/proctorium/session/v1/messages_pb";
import type { Session } from "../../gen/proctorium/session/v1/sessions_pb";
import { messages } from "../../messages";
import { OwnBreak } from "../breaks/own-break";
import { RaiseHand } from "../hands/raise-hand";
import { isPresent } from "../supervision/participants";
import { Chat } from "./chat";
import { ANNOUNCEMENTS, canWrite, unreadAnnouncements } from "./conversation";
import { Drawer } from "./drawer";
import { MessageText } from "./message-log";
import { UnreadBadge } from "./unread-badge";
import { type LoadedConversation, useAnnouncements, useLearnerConversation } from "./use-conversation";
import type { Draft } from "./write-message";

const text = messages.conversations;

interface LearnerMessagesProps {
  view: WatchSessionResponse | undefined;
}

export function LearnerMessages({ view }: LearnerMessagesProps): JSX.Element | null {
  const session = view?.session;
  const participant = view?.participant;
  if (session === undefined || participant === undefined) return null;
  return <Messages session={session} participant={participant} live={view?.messages ?? []} />;
}

interface MessagesProps {
  session: Session;
  participant: Participant;
  live: readonly Message[];
}

function Messages({ session, participant, live }: MessagesProps): JSX.Element {
  const { sessionId } = session;
  const [open, setOpen] = useState(false);
  const button = useRef<HTMLButtonElement>(null);
  const draft = useRef("");
  const unread = participant.conversation?.learnerUnreadCount ?? 0;
  const announcements = useAnnouncements(session, live);
  const close = (): void => {
    setOpen(false);
    button.current?.focus();
  };
  const hasMessages = (participant.conversation?.messageCount ?? 0) + session.announcementCount > 0;
  const writes = canWrite(session, participant);
  return (
    <>
      <UnreadAnnouncements
        session={session}
        unread={unreadAnnouncements(session, participant)}
        announcements={announcements}
      />
      {(writes || hasMessages) && (
        <div class="corner">
          {writes && <OwnBreak session={session} participant={participant} />}
          {writes && isPresent(participant) && <RaiseHand sessionId={sessionId} participant={participant} />}
          <button ref={button} type="button" aria-expanded={open} onClick={() => (open ? close() : setOpen(true))}>
            {text.open} <UnreadBadge count={unread} />
          </button>
        </div>
      )}
      {open && (
        <Drawer title={text.title} onClose={close}>
          <EarlierAnnouncements announcements={announcements} />
          <OwnChat session={session} participant={participant} live={live} unread={unread} draft={draft} />
        </Drawer>
      )}
    </>
  );
}

interface AnnouncementsProps {
  session: Session;
  unread: number;
  announcements: LoadedConversation;
}

/** The unread announcements. Screen readers read each announcement once, when it arrives. */
function UnreadAnnouncements({ session, unread, announcements }: AnnouncementsProps): JSX.Element {
  const { busy, problem, run } = useAction();
  const shown = (announcements.messages ?? []).filter(({ sequence }) => sequence > session.announcementCount - unread);
  const newest = shown.at(-1)?.sequence ?? 0;
  const markRead = (): void =>
    void run(
      (requestId) =>
        conversations.markMessagesRead({
          requestId,
          sessionId: session.sessionId,
          participantId: ANNOUNCEMENTS,
          sequence: newest,
        }),
      String(newest),
    );
  return (
    <div class={shown.length > 0 ? "banner" : ""}>
      <div role="status" aria-atomic="false" class="announcements">
        {shown.map((message) => (
          <div key={message.sequence} class="note">
            <MessageText message={message} sender={text.announcement} />
          </div>
        ))}
      </div>
      {shown.length > 0 && (
        <p>
          <button type="button" class="plain" disabled={busy} onClick={markRead}>
            {text.markRead}
          </button>
        </p>
      )}
      <ProblemNote problem={problem ?? announcements.problem} />
    </div>
  );
}

function EarlierAnnouncements({ announcements }: { announcements: LoadedConversation }): JSX.Element | null {
  const shown = announcements.messages ?? [];
  if (shown.length === 0) return null;
  return (
    <details>
      <summary>{text.allAnnouncements(shown.length)}</summary>
      {shown.map((message) => (
        <MessageText key={message.sequence} message={message} sender={text.announcement} />
      ))}
    </details>
  );
}

interface OwnChatProps extends MessagesProps {
  unread: number;
  draft: Draft;
}

function OwnChat({ session, participant, live, unread, draft }: OwnChatProps): JSX.Element {
  return (
    <Chat
      session={session}
      participant={participant}
      conversation={useLearnerConversation(session, participant, live)}
      unread={unread}
      title={text.title}
      sender={senderOf}
      writeLabel={text.toProctors}
      writeHint={text.onlyProctors}
      draft={draft}
    />
  );
}

function senderOf({ actingRole }: Message): string {
  if (actingRole === Role.LEARNER) return text.you;
  return actingRole === Role.ADMINISTRATOR ? text.administrator : text.proctor;
}

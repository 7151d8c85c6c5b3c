// The messages of a conversation, from a list and from a stream.

import { noteServerTime } from "../../api/server-time";
import { Role } from "../../gen/proctorium/options/v1/options_pb";
import type { Participant, WatchSessionResponse } from "../../gen/proctorium/session/v1/lobby_pb";
import type { Message } from "../../gen/proctorium/session/v1/messages_pb";
import { type Session, SessionState } from "../../gen/proctorium/session/v1/sessions_pb";
import { isRunning } from "../sessions/running";
import { awaitsApproval, isPresent } from "../supervision/participants";

export const MAX_TEXT_LENGTH = 2000;

/** The conversation that contains the announcements of a session. */
export const ANNOUNCEMENTS = "";

/** Return the messages of a participant's conversation, or the announcements. */
export function messagesOf(all: readonly Message[], participantId: string): Message[] {
  return all.filter((message) => message.participantId === participantId);
}

/** Return the messages of both lists, each once and in the order of the conversation. */
export function merged(one: readonly Message[], other: readonly Message[]): Message[] {
  const bySequence = new Map([...one, ...other].map((message) => [message.sequence, message]));
  return [...bySequence.values()].sort((a, b) => a.sequence - b.sequence);
}

/** Return whether messages end with the newest one of `count` messages, and have no gaps. */
export function isComplete(messages: readonly Message[], count: number): boolean {
  const first = messages[0]?.sequence ?? 0;
  const newest = messages.at(-1)?.sequence ?? 0;
  return newest >= count && messages.every(({ sequence }, index) => sequence === first + index);
}

/**
 * Return the newest view of a session, with the messages of all views. A view contains only its new messages. Also
 * note the server's time in the view.
 */
export function withEarlierMessages(
  before: WatchSessionResponse | undefined,
  message: WatchSessionResponse,
): WatchSessionResponse {
  noteServerTime(message.serverTime);
  return { ...message, messages: [...(before?.messages ?? []), ...message.messages] };
}

/** Return whether messages can be sent in a session. */
export function acceptsMessages(session: Session): boolean {
  return session.state === SessionState.LOBBY_OPEN || isRunning(session);
}

/** Return whether messages can be sent in the conversation of a participant. */
export function canWrite(session: Session, participant: Participant): boolean {
  return acceptsMessages(session) && (isPresent(participant) || awaitsApproval(participant));
}

/** Return the number of announcements that a participant has not read. */
export function unreadAnnouncements(session: Session, { conversation }: Participant): number {
  return session.announcementCount - (conversation?.announcementsReadSequence ?? 0);
}

/** Return whether a page shows the role of the sender, because proctors cannot read the names of administrators. */
export function isNameHidden({ actingRole }: Message, readerIsAdministrator: boolean): boolean {
  return actingRole === Role.ADMINISTRATOR && !readerIsAdministrator;
}

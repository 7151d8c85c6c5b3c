"""Sending, reading and marking messages between learners and proctors, and announcements (`S8`)."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TypeVar
from uuid import UUID

from google.protobuf.message import Message as ProtoMessage

from proctorium_common.ids import new_id
from proctorium_common.rpc.caller import Caller
from proctorium_common.storage import pages
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.idempotency import Responder
from proctorium_session.domain.conversations import (
    MAX_MESSAGES,
    MESSAGE_PACE,
    Message,
    require_messages,
    require_present,
    require_space,
)
from proctorium_session.domain.errors import invalid_at, no_participant, no_session
from proctorium_session.domain.participants import Conversation, Participant
from proctorium_session.domain.sessions import MemberRole, Session
from proctorium_session.events import supervision_events
from proctorium_session.operations.actors import has_supervising_role, supervise
from proctorium_session.operations.changes import RecordedEvent, save_change
from proctorium_session.operations.closing import end_if_due, lock_current
from proctorium_session.operations.record import record_reader
from proctorium_session.storage import conversations, participants, sessions

M = TypeVar("M", bound=ProtoMessage)

_KEY_BYTES = 32


@dataclass(frozen=True, slots=True)
class _Member:
    """A person who takes part in a conversation. A supervisor's `participant` is None in the announcements."""

    session: Session
    participant: Participant | None
    person_id: UUID
    role: MemberRole


class Conversations:
    """The use cases of conversations.

    Proctors have access to the messages of a session until `access_period` after the end of the session.
    """

    def __init__(self, database: Database, *, access_period: timedelta) -> None:
        self._database = database
        self._access_period = access_period

    async def send(
        self,
        caller: Caller,
        session_id: UUID,
        participant_id: UUID,
        text: str,
        responder: Responder[Message, M],
    ) -> M:
        """Send a message in the conversation of a participant.

        Raises NOT_FOUND, NOT_YOUR_SESSION, LOBBY_NOT_OPEN, SESSION_ENDED, SESSION_CANCELLED, PARTICIPANT_REMOVED,
        TOO_MANY_MESSAGES, MESSAGE_LIMIT_REACHED.
        """

        async def run(tx: Transaction) -> Message:
            member = await _member(
                tx, caller, await sessions.lock_session(tx, session_id), participant_id
            )
            participant = member.participant
            assert participant is not None, "the conversation of a participant has a participant"
            member = replace(member, session=await end_if_due(tx, member.session))
            require_messages(member.session)
            require_present(participant.state)
            return await _send(
                tx, member, participant_id, participant.conversation.message_count, text
            )

        return await self._database.respond(responder, run)

    async def announce(
        self, caller: Caller, session_id: UUID, text: str, responder: Responder[Message, M]
    ) -> M:
        """Send an announcement to all participants of a session.

        Raises NOT_YOUR_SESSION, NOT_FOUND, LOBBY_NOT_OPEN, SESSION_ENDED, SESSION_CANCELLED, TOO_MANY_MESSAGES,
        MESSAGE_LIMIT_REACHED.
        """

        async def run(tx: Transaction) -> Message:
            session, actor = await lock_current(tx, session_id, caller)
            require_messages(session)
            # A change of the session's own revision wakes all learners who watch the session.
            announced = replace(session, session_revision=session.next_revision)
            member = _Member(announced, None, actor.person_id, MemberRole(actor.role))
            return await _send(tx, member, None, session.announcement_count, text)

        return await self._database.respond(responder, run)

    async def list(
        self,
        caller: Caller,
        session_id: UUID,
        participant_id: UUID | None,
        *,
        after: int,
        page_size: int,
        page_token: str,
    ) -> tuple[Sequence[Message], str]:
        """Return a page of the messages of a conversation, newest first, and the token of the next page.

        Raises NOT_FOUND, NOT_YOUR_SESSION, RECORD_CLOSED, CERTIFICATION_ENDED, INVALID_PAGE_TOKEN.
        """
        name = f"messages:{session_id}:{participant_id}:{after}"
        size = pages.effective_size(page_size)
        async with self._database.transaction() as tx:
            session = await sessions.get_session(tx, session_id)
            await self._require_readable(tx, caller, session, participant_id)
            tokens = await pages.tokens(tx)
            before = tokens.after(name, page_token, int)
            found = await conversations.list_messages(
                tx,
                session_id,
                participant_id,
                after=after,
                before=before[0] if before else None,
                limit=size + 1,
            )
        return tokens.cut(name, found, size, lambda each: (each.sequence,))

    async def mark_read(
        self,
        caller: Caller,
        session_id: UUID,
        participant_id: UUID | None,
        sequence: int,
        responder: Responder[Conversation, M],
    ) -> M:
        """Mark the messages of a conversation as read, up to `sequence`. Return the caller's conversation.

        Raises NOT_FOUND, NOT_YOUR_SESSION, INVALID_REQUEST, RECORD_CLOSED, CERTIFICATION_ENDED.
        """

        async def run(tx: Transaction) -> Conversation:
            session = await sessions.lock_session(tx, session_id)
            member = await self._require_readable(tx, caller, session, participant_id)
            if member.participant is None:
                raise invalid_at(
                    "participant_id", "INVALID_REQUEST", "Name the learner whose messages you read."
                )
            if not await _mark(tx, member, participant_id, sequence):
                return member.participant.conversation
            await save_change(tx, member.session)
            view = await participants.get_view(tx, session_id, member.participant.participant_id)
            assert view is not None, "participants are never deleted"
            return view.participant.conversation

        return await self._database.respond(responder, run)

    async def _require_readable(
        self, tx: Transaction, caller: Caller, session: Session | None, participant_id: UUID | None
    ) -> _Member:
        member = await _member(tx, caller, session, participant_id)
        if member.role is not MemberRole.LEARNER and member.session.state.is_over:
            await record_reader(tx, caller, member.session, self._access_period)
        return member


async def _member(
    tx: Transaction, caller: Caller, session: Session | None, participant_id: UUID | None
) -> _Member:
    """Return the caller as a member of a conversation, or of the announcements if `participant_id` is None.

    Raises NOT_FOUND, NOT_YOUR_SESSION.
    """
    person_id = caller.require_person()
    own = None
    if session is not None:
        own = await participants.get_view_of_person(tx, session.session_id, person_id)
        if own is not None and participant_id in {None, own.participant.participant_id}:
            return _Member(session, own.participant, person_id, MemberRole.LEARNER)
    if not has_supervising_role(caller):
        raise no_session()
    supervised, actor = await supervise(tx, session, caller)
    role = MemberRole(actor.role)
    if participant_id is None:
        return _Member(supervised, None, person_id, role)
    view = await participants.get_view(tx, supervised.session_id, participant_id)
    if view is None:
        raise no_participant(participant_id)
    return _Member(supervised, view.participant, person_id, role)


async def _send(
    tx: Transaction, member: _Member, participant_id: UUID | None, message_count: int, text: str
) -> Message:
    session = member.session
    sent_at = await conversations.list_send_times(
        tx, session.session_id, participant_id, member.person_id, MESSAGE_PACE.limit
    )
    MESSAGE_PACE.require(sent_at, tx.now)
    require_space(message_count, limit=MAX_MESSAGES)
    message = Message(
        message_id=new_id(),
        session_id=session.session_id,
        participant_id=participant_id,
        sequence=message_count + 1,
        revision=session.next_revision,
        sender_id=member.person_id,
        role=member.role,
        text=text,
        text_key=secrets.token_bytes(_KEY_BYTES),
        sent_at=tx.now,
    )
    await conversations.insert_message(tx, message)
    event = RecordedEvent(
        supervision_events.message_sent(message), member.person_id, participant_id
    )
    await save_change(tx, session, [event])
    return message


async def _mark(
    tx: Transaction, member: _Member, participant_id: UUID | None, sequence: int
) -> bool:
    """Move the read mark of the learner or of the proctors forward, and return whether the mark moved."""
    session, participant = member.session, member.participant
    assert participant is not None, "the caller has checked this"
    conversation = participant.conversation
    if participant_id is None:
        newest, current = session.announcement_count, conversation.announcements_read
        update = conversations.update_announcements_mark
    elif member.role is MemberRole.LEARNER:
        newest, current = conversation.message_count, conversation.learner_read
        update = conversations.update_learner_mark
    else:
        newest, current = conversation.message_count, conversation.proctors_read
        update = conversations.update_proctors_mark
    mark = min(sequence, newest)
    if mark <= current:
        return False
    await update(tx, participant.participant_id, mark, session.next_revision)
    return True

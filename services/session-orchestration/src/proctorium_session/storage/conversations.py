"""Queries of messages and read marks.

A message is a row that never changes. A trigger on `messages` updates the numbers of messages and unread messages.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, func, insert, or_, select, update

from proctorium_common.storage.database import Transaction
from proctorium_session.domain.conversations import Message
from proctorium_session.domain.sessions import MemberRole
from proctorium_session.storage.tables import messages, participants


async def insert_message(tx: Transaction, message: Message) -> None:
    """Insert the next message of a conversation. The caller has locked the session's row."""
    await tx.execute(
        insert(messages).values(
            message_id=message.message_id,
            session_id=message.session_id,
            participant_id=message.participant_id,
            sequence=message.sequence,
            revision=message.revision,
            sender_id=message.sender_id,
            acting_role=message.role.value,
            text=message.text,
            text_key=message.text_key,
            sent_at=message.sent_at,
        )
    )


async def list_send_times(
    tx: Transaction, session_id: UUID, participant_id: UUID | None, sender_id: UUID, limit: int
) -> Sequence[datetime]:
    """Return the times of the newest messages that a person has sent in a conversation, at most `limit`."""
    statement = (
        select(messages.c.sent_at)
        .where(
            messages.c.session_id == session_id,
            _conversation(participant_id),
            messages.c.sender_id == sender_id,
        )
        .order_by(messages.c.sequence.desc())
        .limit(limit)
    )
    return (await tx.execute(statement)).scalars().all()


async def list_messages(
    tx: Transaction,
    session_id: UUID,
    participant_id: UUID | None,
    *,
    after: int,
    before: int | None,
    limit: int,
) -> Sequence[Message]:
    """Return at most `limit` messages of a conversation, newest first.

    The sequences of the messages are greater than `after`, and less than `before` unless `before` is None.
    """
    statement = (
        select(messages)
        .where(
            messages.c.session_id == session_id,
            _conversation(participant_id),
            messages.c.sequence > after,
        )
        .order_by(messages.c.sequence.desc())
        .limit(limit)
    )
    if before is not None:
        statement = statement.where(messages.c.sequence < before)
    return [_message(row) for row in await tx.execute(statement)]


async def list_messages_between(
    tx: Transaction,
    session_id: UUID,
    after: int,
    until: int,
    participant_id: UUID | None,
    *,
    limit: int,
) -> Sequence[Message]:
    """Return at most `limit` messages of a session with revisions after `after` and up to `until`, oldest first.

    If `participant_id` is not None, returns only messages of this participant's conversation and announcements.
    """
    statement = _between(session_id, after, until).order_by(messages.c.revision).limit(limit)
    if participant_id is not None:
        statement = statement.where(
            or_(
                messages.c.participant_id == participant_id,
                messages.c.participant_id.is_(None),
            )
        )
    return [_message(row) for row in await tx.execute(statement)]


async def list_newest_messages(
    tx: Transaction, session_id: UUID, after: int, until: int, *, limit: int
) -> Sequence[Message]:
    """Return the messages of a session with revisions greater than `after` and at most `until`.

    If there are more than `limit` such messages, only the newest `limit` messages are returned. The result is ordered
    from the oldest message to the newest.
    """
    statement = _between(session_id, after, until).order_by(messages.c.revision.desc())
    rows = (await tx.execute(statement.limit(limit))).all()
    return [_message(row) for row in reversed(rows)]


async def update_learner_mark(
    tx: Transaction, participant_id: UUID, sequence: int, revision: int
) -> None:
    """Set the learner's read mark in their conversation, and count the unread messages again."""
    await tx.execute(
        update(participants)
        .where(participants.c.participant_id == participant_id)
        .values(
            learner_read=sequence,
            learner_unread=_count_after(
                participant_id, sequence, messages.c.acting_role != MemberRole.LEARNER.value
            ),
            revision=revision,
        )
    )


async def update_proctors_mark(
    tx: Transaction, participant_id: UUID, sequence: int, revision: int
) -> None:
    """Set the proctors' read mark in a conversation, and count the unread messages again."""
    await tx.execute(
        update(participants)
        .where(participants.c.participant_id == participant_id)
        .values(
            proctors_read=sequence,
            proctors_unread=_count_after(
                participant_id, sequence, messages.c.acting_role == MemberRole.LEARNER.value
            ),
            revision=revision,
        )
    )


async def update_announcements_mark(
    tx: Transaction, participant_id: UUID, sequence: int, revision: int
) -> None:
    """Set the learner's read mark in the announcements."""
    await tx.execute(
        update(participants)
        .where(participants.c.participant_id == participant_id)
        .values(announcements_read=sequence, revision=revision)
    )


def _between(session_id: UUID, after: int, until: int) -> Select[Any]:
    return select(messages).where(
        messages.c.session_id == session_id,
        messages.c.revision > after,
        messages.c.revision <= until,
    )


def _conversation(participant_id: UUID | None) -> ColumnElement[bool]:
    if participant_id is None:
        return messages.c.participant_id.is_(None)
    return messages.c.participant_id == participant_id


def _count_after(participant_id: UUID, sequence: int, side: ColumnElement[bool]) -> Any:
    return (
        select(func.count())
        .select_from(messages)
        .where(messages.c.participant_id == participant_id, messages.c.sequence > sequence, side)
        .scalar_subquery()
    )


def _message(row: Any) -> Message:
    return Message(
        message_id=row.message_id,
        session_id=row.session_id,
        participant_id=row.participant_id,
        sequence=row.sequence,
        revision=row.revision,
        sender_id=row.sender_id,
        role=MemberRole(row.acting_role),
        text=row.text,
        text_key=row.text_key,
        sent_at=row.sent_at,
    )

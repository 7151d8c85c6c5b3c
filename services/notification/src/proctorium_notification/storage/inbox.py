"""Messages in the application, as their reader sees them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select, tuple_, update

from proctorium_common.storage.database import Transaction
from proctorium_notification.domain.topics import Channel, Topic
from proctorium_notification.storage.sessions import can_be_told
from proctorium_notification.storage.tables import deliveries


@dataclass(frozen=True, slots=True)
class Notification:
    """Something a person was told in the application."""

    notification_id: UUID
    topic: Topic
    session_id: UUID | None
    subject_id: UUID | None
    subject_title: str
    created_at: datetime
    read_at: datetime | None


async def list_notifications(
    tx: Transaction, person_id: UUID, *, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[Notification]:
    """The person's notifications, newest first, after the one with this time and id."""
    conditions = [_of(person_id)]
    if after is not None:
        conditions.append(tuple_(deliveries.c.created_at, deliveries.c.delivery_id) < after)
    found = await tx.execute(
        select(deliveries)
        .where(*conditions)
        .order_by(deliveries.c.created_at.desc(), deliveries.c.delivery_id.desc())
        .limit(limit)
    )
    return [
        Notification(
            notification_id=row.delivery_id,
            topic=Topic(row.topic),
            session_id=row.session_id,
            subject_id=row.subject_id,
            subject_title=row.subject_title,
            created_at=row.created_at,
            read_at=row.read_at,
        )
        for row in found
    ]


async def count_unread(tx: Transaction, person_id: UUID) -> int:
    """How many of the person's notifications are unread."""
    unread = select(func.count()).where(_of(person_id), deliveries.c.read_at.is_(None))
    return (await tx.execute(unread)).scalar_one()


async def save_read(
    tx: Transaction, person_id: UUID, notification_ids: Sequence[UUID] | None
) -> None:
    """Marks these (None: all) of the person's notifications as read; the first time stays, others' are left alone."""
    marking = update(deliveries).where(_of(person_id), deliveries.c.read_at.is_(None))
    if notification_ids is not None:
        marking = marking.where(deliveries.c.delivery_id.in_(notification_ids))
    await tx.execute(marking.values(read_at=tx.now))


def _of(person_id: UUID) -> ColumnElement[bool]:
    return and_(
        deliveries.c.person_id == person_id,
        deliveries.c.channel == Channel.IN_APP,
        can_be_told(deliveries.c.session_id),
    )

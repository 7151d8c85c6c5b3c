"""Queries of notifications. A notification is a delivery in the application."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, and_, func, select, tuple_, update

from proctorium_common.storage.database import Transaction
from proctorium_notification.domain.topics import Channel, Topic
from proctorium_notification.storage.sessions import plan_is_known
from proctorium_notification.storage.tables import deliveries


@dataclass(frozen=True, slots=True)
class Notification:
    """One message in the application."""

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
    """Return at most `limit` notifications of the person, newest first.

    `after` is the creation time and the id of the last notification of the previous page, or None for the first page.
    """
    conditions = [_is_visible_to(person_id)]
    if after is not None:
        conditions.append(tuple_(deliveries.c.created_at, deliveries.c.delivery_id) < after)
    rows = await tx.execute(
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
        for row in rows
    ]


async def count_unread(tx: Transaction, person_id: UUID) -> int:
    """Return the number of the person's unread notifications."""
    unread = select(func.count()).where(_is_visible_to(person_id), deliveries.c.read_at.is_(None))
    return (await tx.execute(unread)).scalar_one()


async def update_read_notifications(
    tx: Transaction, person_id: UUID, notification_ids: Sequence[UUID] | None
) -> None:
    """Mark the person's notifications with the given ids as read. If the ids are None, mark all.

    A notification that is already read keeps the time at which it was first read.
    """
    statement = update(deliveries).where(_is_visible_to(person_id), deliveries.c.read_at.is_(None))
    if notification_ids is not None:
        statement = statement.where(deliveries.c.delivery_id.in_(notification_ids))
    await tx.execute(statement.values(read_at=tx.now))


def _is_visible_to(person_id: UUID) -> ColumnElement[bool]:
    return and_(
        deliveries.c.person_id == person_id,
        deliveries.c.channel == Channel.IN_APP,
        plan_is_known(deliveries.c.session_id),
    )

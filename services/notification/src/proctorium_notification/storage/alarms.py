"""Queries of uncovered sessions, and of the alarms about them."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import Select, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.storage.database import Transaction
from proctorium_notification.domain.alarms import UncoveredSession
from proctorium_notification.storage.tables import session_coverage as coverage
from proctorium_notification.storage.tables import sessions


async def upsert_coverage(
    tx: Transaction,
    session_id: UUID,
    event_id: UUID | None,
    proctor_ids: Sequence[UUID] = (),
    *,
    position: int,
) -> None:
    """Store that a session is uncovered, or covered if `event_id` is None, unless a later event is stored.

    `position` is the position of the event that reported the change.
    """
    new = insert(coverage).values(
        session_id=session_id, event_id=event_id, proctor_ids=list(proctor_ids), position=position
    )
    await tx.execute(
        new.on_conflict_do_update(
            index_elements=[coverage.c.session_id],
            set_={
                "event_id": new.excluded.event_id,
                "proctor_ids": new.excluded.proctor_ids,
                "position": new.excluded.position,
            },
            where=coverage.c.position < new.excluded.position,
        )
    )


async def has_due_alarms(tx: Transaction, interval: timedelta) -> bool:
    """Return whether there is a session about which an alarm is due."""
    return (await tx.execute(_due_alarms(tx, interval).limit(1))).first() is not None


async def lock_due_alarms(
    tx: Transaction, interval: timedelta, limit: int
) -> Sequence[UncoveredSession]:
    """Lock and return at most `limit` sessions about which an alarm is due. Skip the rows that are locked."""
    rows = await tx.execute(
        _due_alarms(tx, interval)
        .order_by(coverage.c.session_id)
        .limit(limit)
        .with_for_update(skip_locked=True, of=coverage)
    )
    return [
        UncoveredSession(row.session_id, row.title, row.event_id, tuple(row.proctor_ids))
        for row in rows
    ]


async def update_announced(tx: Transaction, session_ids: Sequence[UUID]) -> None:
    """Store that proctors and administrators were notified of these uncovered sessions."""
    await tx.execute(
        update(coverage)
        .where(coverage.c.session_id.in_(session_ids))
        .values(announced_event_id=coverage.c.event_id, announced_at=tx.now)
    )


def _due_alarms(tx: Transaction, interval: timedelta) -> Select[Any]:
    """Return a statement that selects the due alarms.

    An alarm is due only after the plan of the session has arrived, because the message contains the title.
    """
    return (
        select(coverage, sessions.c.title)
        .join(sessions, sessions.c.session_id == coverage.c.session_id)
        .where(
            coverage.c.event_id.is_not(None),
            coverage.c.event_id.is_distinct_from(coverage.c.announced_event_id),
            or_(coverage.c.announced_at.is_(None), coverage.c.announced_at <= tx.now - interval),
            sessions.c.title.is_not(None),
        )
    )

"""What is known of sessions: a projection of their events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, ColumnElement, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.storage.database import Transaction
from proctorium_notification.domain.topics import Session
from proctorium_notification.storage.tables import sessions


async def save_plan(tx: Transaction, session: Session) -> None:
    """Sets what is planned; whether it was cancelled or ended stays as it is."""
    adding = insert(sessions).values(
        session_id=session.session_id,
        title=session.title,
        start_at=session.start_at,
        duration=session.duration,
    )
    await tx.execute(
        adding.on_conflict_do_update(
            index_elements=[sessions.c.session_id],
            set_={
                "title": adding.excluded.title,
                "start_at": adding.excluded.start_at,
                "duration": adding.excluded.duration,
            },
        )
    )


async def save_cancelled(tx: Transaction, session_id: UUID, at: datetime) -> None:
    """Notes that the session was called off; the first time stays."""
    await _save_time(tx, "cancelled_at", session_id, at)


async def save_ended(tx: Transaction, session_id: UUID, at: datetime) -> None:
    """Notes that the session is over; the first time stays."""
    await _save_time(tx, "ended_at", session_id, at)


async def _save_time(tx: Transaction, name: str, session_id: UUID, at: datetime) -> None:
    adding = insert(sessions).values({"session_id": session_id, name: at})
    await tx.execute(
        adding.on_conflict_do_update(
            index_elements=[sessions.c.session_id],
            set_={name: func.coalesce(sessions.c[name], adding.excluded[name])},
        )
    )


def can_be_told(session_id: Column[UUID | None]) -> ColumnElement[bool]:
    """Whether what is said of this session can be said: its plan is known, or it is said of none."""
    plan = select(sessions.c.session_id).where(
        sessions.c.session_id == session_id, sessions.c.title.is_not(None)
    )
    return or_(session_id.is_(None), plan.exists())


async def planned_sessions(tx: Transaction, session_ids: Iterable[UUID]) -> Mapping[UUID, Session]:
    """Those of these sessions whose plan is known, by id."""
    found = await tx.execute(
        select(sessions).where(
            sessions.c.session_id.in_(set(session_ids)), sessions.c.title.is_not(None)
        )
    )
    return {
        row.session_id: Session(
            session_id=row.session_id,
            title=row.title,
            start_at=row.start_at,
            duration=row.duration,
            cancelled=row.cancelled_at is not None,
            ended=row.ended_at is not None,
        )
        for row in found
    }

"""Queries of the sessions that this service stores from session orchestration's events."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, ColumnElement, func, or_, select
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.storage.database import Transaction
from proctorium_notification.domain.topics import Session
from proctorium_notification.storage.tables import sessions


async def upsert_session_plan(tx: Transaction, session: Session) -> None:
    """Store the plan of a session. The times of the session's cancellation and end do not change."""
    statement = insert(sessions).values(
        session_id=session.session_id,
        title=session.title,
        start_at=session.start_at,
        duration=session.duration,
    )
    await tx.execute(
        statement.on_conflict_do_update(
            index_elements=[sessions.c.session_id],
            set_={
                "title": statement.excluded.title,
                "start_at": statement.excluded.start_at,
                "duration": statement.excluded.duration,
            },
        )
    )


async def upsert_session_cancelled(
    tx: Transaction, session_id: UUID, cancelled_at: datetime
) -> None:
    """Store the time at which the session was cancelled, unless such a time is stored already."""
    statement = insert(sessions).values(session_id=session_id, cancelled_at=cancelled_at)
    await tx.execute(
        statement.on_conflict_do_update(
            index_elements=[sessions.c.session_id],
            set_={
                "cancelled_at": func.coalesce(
                    sessions.c.cancelled_at, statement.excluded.cancelled_at
                )
            },
        )
    )


async def upsert_session_end(
    tx: Transaction, session_id: UUID, ended_at: datetime | None, *, position: int
) -> None:
    """Store the time at which the session ended, or None if it was reopened.

    Nothing changes if the event at `position` is older than the newest end or reopening.
    """
    statement = insert(sessions).values(
        session_id=session_id, ended_at=ended_at, end_position=position
    )
    await tx.execute(
        statement.on_conflict_do_update(
            index_elements=[sessions.c.session_id],
            set_={
                "ended_at": statement.excluded.ended_at,
                "end_position": statement.excluded.end_position,
            },
            where=sessions.c.end_position < statement.excluded.end_position,
        )
    )


def plan_is_known(session_id: Column[UUID | None]) -> ColumnElement[bool]:
    """Return the SQL condition that a message can be rendered.

    A message can be rendered if it has no session or if the plan of its session is known.
    """
    plan = select(sessions.c.session_id).where(
        sessions.c.session_id == session_id, sessions.c.title.is_not(None)
    )
    return or_(session_id.is_(None), plan.exists())


async def list_planned_sessions(
    tx: Transaction, session_ids: Iterable[UUID]
) -> Mapping[UUID, Session]:
    """Return the sessions whose plans are known, keyed by session id."""
    rows = await tx.execute(
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
        for row in rows
    }

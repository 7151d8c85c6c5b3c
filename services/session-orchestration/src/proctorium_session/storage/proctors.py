"""Queries of the proctors of sessions, and of their engagements."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import delete, func, insert, or_, select, text

from proctorium_common.storage.database import Transaction
from proctorium_session.domain.schedule import Engagement
from proctorium_session.storage.tables import session_proctors


async def lock_proctors(tx: Transaction, proctor_ids: Sequence[UUID]) -> None:
    """Lock the proctors until the transaction ends, so that their sessions are not planned concurrently."""
    # The proctors are locked in a fixed order, so that concurrent transactions do not deadlock.
    for proctor_id in sorted(proctor_ids):
        await tx.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"),
            {"key": f"proctor:{proctor_id}"},
        )


async def list_engagements(
    tx: Transaction, proctor_ids: Sequence[UUID], start: datetime, end: datetime
) -> list[Engagement]:
    """Return the proctors' engagements that overlap with the given period.

    The result omits engagements in sessions that are over.
    """
    period = session_proctors.c.period
    statement = (
        select(
            session_proctors.c.proctor_id,
            session_proctors.c.session_id,
            func.lower(period).label("start_time"),
            func.upper(period).label("end_time"),
        )
        .where(
            session_proctors.c.live,
            or_(*(session_proctors.c.proctor_id == each for each in proctor_ids)),
            period.op("&&")(func.tstzrange(start, end)),
        )
        .order_by("start_time")
    )
    return [
        Engagement(row.proctor_id, row.session_id, row.start_time, row.end_time)
        for row in await tx.execute(statement)
    ]


async def replace_proctors(tx: Transaction, session_id: UUID, proctor_ids: Sequence[UUID]) -> None:
    """Replace the proctors of a session. The first proctor is the lead proctor.

    The caller has locked the session's row and the added proctors.
    """
    await tx.execute(delete(session_proctors).where(session_proctors.c.session_id == session_id))
    await insert_proctors(tx, session_id, proctor_ids)


async def insert_proctors(tx: Transaction, session_id: UUID, proctor_ids: Sequence[UUID]) -> None:
    """Insert the proctors of a session. The first proctor is the lead proctor."""
    await tx.execute(
        insert(session_proctors),
        [
            {"session_id": session_id, "proctor_id": proctor_id, "ordinal": ordinal}
            for ordinal, proctor_id in enumerate(proctor_ids)
        ],
    )

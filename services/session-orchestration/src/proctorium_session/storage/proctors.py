"""Proctors: what they are engaged in, and until when they are certified."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import func, or_, select, text
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.storage.database import Transaction
from proctorium_session.domain.schedule import Engagement
from proctorium_session.storage.tables import certifications, session_proctors


async def reserve(tx: Transaction, proctor_ids: Sequence[UUID]) -> None:
    """Waits until nobody else plans for these proctors, and keeps others waiting until this transaction ends."""
    # One order for all, so that two planners never wait for each other.
    for proctor_id in sorted(proctor_ids):
        await tx.execute(
            text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"),
            {"key": f"proctor:{proctor_id}"},
        )


async def engagements(
    tx: Transaction, proctor_ids: Sequence[UUID], start: datetime, end: datetime
) -> list[Engagement]:
    """What the proctors have between the two times, in sessions that are neither ended nor cancelled."""
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


async def certified_until(tx: Transaction, person_id: UUID) -> datetime | None:
    """Until when the person is certified, as enrollment said last."""
    statement = select(certifications.c.certified_until).where(
        certifications.c.person_id == person_id
    )
    return (await tx.execute(statement)).scalar_one_or_none()


async def keep_certifications(
    tx: Transaction, until: Mapping[UUID, datetime], as_of: datetime
) -> None:
    """Keeps what enrollment said at `as_of`, unless it has said something newer since."""
    for person_id in sorted(until):
        new = insert(certifications).values(
            person_id=person_id, certified_until=until[person_id], as_of=as_of
        )
        await tx.execute(
            new.on_conflict_do_update(
                index_elements=["person_id"],
                set_={
                    "certified_until": new.excluded.certified_until,
                    "as_of": new.excluded.as_of,
                },
                where=certifications.c.as_of < new.excluded.as_of,
            )
        )

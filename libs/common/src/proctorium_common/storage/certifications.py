"""A copy of proctors' certifications, from enrollment's events (`P1`): a table of each service that subscribes to them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import BigInteger, Column, DateTime, MetaData, Table, Uuid, select, text
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.errors import ServiceError, not_allowed
from proctorium_common.storage.database import Transaction

_TIME = DateTime(timezone=True)


def certifications_table(metadata: MetaData) -> Table:
    """Return the table, as `schema.create_certifications` and `schema.order_certifications` create it."""
    return Table(
        "certifications",
        metadata,
        Column("person_id", Uuid, primary_key=True),
        Column("certified_until", _TIME, nullable=False),
        # The time of enrollment's event. It decides nothing: clocks differ, and of two changes the one that begins first may be made last.
        Column("as_of", _TIME, nullable=False),
        # The position of enrollment's event: an earlier event never replaces a later one. 0 where a response to a call was stored.
        Column("position", BigInteger, nullable=False, server_default=text("0")),
    )


_table = certifications_table(MetaData())


async def keep_certification(
    tx: Transaction, person_id: UUID, until: datetime, *, as_of: datetime, position: int
) -> None:
    """Store the certification of an event, except where that of a later event is stored."""
    new = insert(_table).values(
        person_id=person_id, certified_until=until, as_of=as_of, position=position
    )
    await tx.execute(
        new.on_conflict_do_update(
            index_elements=["person_id"],
            set_={
                "certified_until": new.excluded.certified_until,
                "as_of": new.excluded.as_of,
                "position": new.excluded.position,
            },
            where=_table.c.position < new.excluded.position,
        )
    )


async def keep_answers(tx: Transaction, until: Mapping[UUID, datetime]) -> None:
    """Store certifications of a response of enrollment, except where one is stored: events tell every change of those."""
    for person_id in sorted(until):
        new = insert(_table).values(
            person_id=person_id, certified_until=until[person_id], as_of=tx.now
        )
        await tx.execute(new.on_conflict_do_nothing())


async def certified_until(tx: Transaction, person_id: UUID) -> datetime | None:
    """Return when the person's certification ends or ended; None if none is stored."""
    statement = select(_table.c.certified_until).where(_table.c.person_id == person_id)
    return (await tx.execute(statement)).scalar_one_or_none()


async def holds_certification(tx: Transaction, person_id: UUID) -> bool:
    """Return whether the person is certified now."""
    until = await certified_until(tx, person_id)
    return until is not None and until > tx.now


async def require_certification(tx: Transaction, person_id: UUID) -> None:
    """Raise CERTIFICATION_ENDED unless the person is certified now."""
    if not await holds_certification(tx, person_id):
        raise certification_ended()


def certification_ended() -> ServiceError:
    """Return the error for a proctor who reads other people's data without a certification."""
    return not_allowed(
        "CERTIFICATION_ENDED",
        "Your certification as a proctor has ended, and with it your access to learners' data. "
        "Ask an administrator to certify you again.",
    )

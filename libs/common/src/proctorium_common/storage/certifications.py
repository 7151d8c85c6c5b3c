"""A copy of proctors' certifications, from enrollment's events (`P1`): a table of each service that subscribes to them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID

from sqlalchemy import Column, DateTime, MetaData, Table, Uuid, select
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.errors import ServiceError, not_allowed
from proctorium_common.storage.database import Transaction

_TIME = DateTime(timezone=True)


def certifications_table(metadata: MetaData) -> Table:
    """Return the table, as `schema.create_certifications` creates it."""
    return Table(
        "certifications",
        metadata,
        Column("person_id", Uuid, primary_key=True),
        Column("certified_until", _TIME, nullable=False),
        # The time of enrollment's event: an older event never replaces a newer one.
        Column("as_of", _TIME, nullable=False),
    )


_table = certifications_table(MetaData())


async def keep_certifications(
    tx: Transaction, until: Mapping[UUID, datetime], as_of: datetime
) -> None:
    """Store certifications that enrollment published at `as_of`, except where a newer one is stored."""
    for person_id in sorted(until):
        new = insert(_table).values(
            person_id=person_id, certified_until=until[person_id], as_of=as_of
        )
        await tx.execute(
            new.on_conflict_do_update(
                index_elements=["person_id"],
                set_={
                    "certified_until": new.excluded.certified_until,
                    "as_of": new.excluded.as_of,
                },
                where=_table.c.as_of < new.excluded.as_of,
            )
        )


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

"""A local copy of the proctors' certifications (`P1`), for each service that needs them.

A service subscribes to enrollment's events, and stores the certifications from the events in its own database. A
service registers the handlers of this module with
`service.subscribe("<service>--certifications", {PersonCertified: on_certified, …})`.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import UUID

from alembic import op
from sqlalchemy import BigInteger, Column, DateTime, MetaData, Table, Uuid, select
from sqlalchemy.dialects.postgresql import insert

from proctorium.enrollment.events.v1 import events_pb2
from proctorium.options.v1 import options_pb2
from proctorium_common.errors import ServiceError, not_allowed
from proctorium_common.events.handling import EventMetadata
from proctorium_common.ids import parse_id
from proctorium_common.storage.database import Transaction

_TIME = DateTime(timezone=True)


def certifications_table(metadata: MetaData) -> Table:
    """Return the declaration of the table that `create_certifications` creates."""
    return Table(
        "certifications",
        metadata,
        Column("person_id", Uuid, primary_key=True),
        Column("certified_until", _TIME, nullable=False),
        # The position of the event from which this row was stored, or 0 if the row comes from a response of enrollment.
        # Positions show which of two events is later. Times cannot show this, because clocks differ, and because a
        # transaction that starts first may commit last.
        Column("position", BigInteger, nullable=False),
    )


def create_certifications() -> None:
    """Create the table `certifications`. Call this function in a migration of a service."""
    op.execute(
        """
        CREATE TABLE certifications (
            person_id uuid NOT NULL,
            certified_until timestamptz NOT NULL,
            position bigint NOT NULL,
            CONSTRAINT pk_certifications PRIMARY KEY (person_id)
        )
        """
    )


_table = certifications_table(MetaData())


async def store_certification(
    tx: Transaction, person_id: UUID, until: datetime, *, position: int
) -> None:
    """Store `until` as the end of the person's certification, unless the stored end comes from a later event.

    `position` is the position of the event that contains `until`.
    """
    new = insert(_table).values(person_id=person_id, certified_until=until, position=position)
    await tx.execute(
        new.on_conflict_do_update(
            index_elements=["person_id"],
            set_={
                "certified_until": new.excluded.certified_until,
                "position": new.excluded.position,
            },
            where=_table.c.position < new.excluded.position,
        )
    )


async def store_missing_certifications(tx: Transaction, until: Mapping[UUID, datetime]) -> None:
    """Store the certifications from a response of enrollment. Certifications that are already stored do not change.

    `until` maps the id of each person to the time at which the certification ends.
    """
    for person_id in sorted(until):
        new = insert(_table).values(
            person_id=person_id, certified_until=until[person_id], position=0
        )
        await tx.execute(new.on_conflict_do_nothing())


async def certified_until(tx: Transaction, person_id: UUID) -> datetime | None:
    """Return the time at which the person's certification ends, or None if no certification is stored.

    The time is in the past if the certification has ended.
    """
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
    """Return the error CERTIFICATION_ENDED, which refuses a proctor's access to learners' data."""
    return not_allowed(
        "CERTIFICATION_ENDED",
        "You have no valid certification as a proctor, so you have no access to learners' data. "
        "If you were certified a moment ago, try again. Otherwise, ask an administrator to certify you.",
    )


async def on_certified(
    tx: Transaction, event: events_pb2.PersonCertified, metadata: EventMetadata
) -> None:
    """Store the time at which a proctor's certification ends."""
    until = event.certified_until_time.ToDatetime(tzinfo=UTC)
    person_id = parse_id(event.person_id, "person_id")
    await store_certification(tx, person_id, until, position=metadata.position)


async def on_role_revoked(
    tx: Transaction, event: events_pb2.PersonRoleRevoked, metadata: EventMetadata
) -> None:
    """End the certification of a person whose proctor role was revoked."""
    if event.role == options_pb2.ROLE_PROCTOR:
        person_id = parse_id(event.person_id, "person_id")
        ended = metadata.occurred_at
        await store_certification(tx, person_id, ended, position=metadata.position)

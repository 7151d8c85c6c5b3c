"""`session--certifications`: until when proctors are certified."""

from __future__ import annotations

from datetime import UTC

from proctorium.enrollment.events.v1 import events_pb2
from proctorium.options.v1 import options_pb2
from proctorium_common.events.handling import EventMetadata
from proctorium_common.ids import parse_id
from proctorium_common.storage.database import Transaction
from proctorium_session.operations import certifications


async def on_person_certified(
    tx: Transaction, event: events_pb2.PersonCertified, metadata: EventMetadata
) -> None:
    """A proctor was certified."""
    await certifications.certified(
        tx,
        parse_id(event.person_id, "person_id"),
        event.certified_until_time.ToDatetime(tzinfo=UTC),
        metadata.occurred_at,
    )


async def on_role_revoked(
    tx: Transaction, event: events_pb2.PersonRoleRevoked, metadata: EventMetadata
) -> None:
    """End the certification of a person who is no longer a proctor."""
    if event.role == options_pb2.ROLE_PROCTOR:
        person_id = parse_id(event.person_id, "person_id")
        await certifications.certified(tx, person_id, metadata.occurred_at, metadata.occurred_at)

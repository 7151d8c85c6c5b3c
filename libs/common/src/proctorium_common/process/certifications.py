"""Handlers for enrollment's events about certifications.

A service subscribes with them: `service.subscribe("<service>--certifications", {PersonCertified: on_certified, PersonRoleRevoked: …})`.
"""

from __future__ import annotations

from datetime import UTC, datetime
from uuid import UUID

from proctorium.enrollment.events.v1 import events_pb2
from proctorium.options.v1 import options_pb2
from proctorium_common.events.handling import EventMetadata
from proctorium_common.ids import parse_id
from proctorium_common.storage.certifications import keep_certification
from proctorium_common.storage.database import Transaction


async def on_certified(
    tx: Transaction, event: events_pb2.PersonCertified, metadata: EventMetadata
) -> None:
    """Store when a proctor's certification ends."""
    until = event.certified_until_time.ToDatetime(tzinfo=UTC)
    person_id = parse_id(event.person_id, "person_id")
    await _keep(tx, person_id, until, metadata)


async def on_role_revoked(
    tx: Transaction, event: events_pb2.PersonRoleRevoked, metadata: EventMetadata
) -> None:
    """End the certification of a person who is no longer a proctor."""
    if event.role == options_pb2.ROLE_PROCTOR:
        person_id = parse_id(event.person_id, "person_id")
        await _keep(tx, person_id, metadata.occurred_at, metadata)


async def _keep(tx: Transaction, person_id: UUID, until: datetime, metadata: EventMetadata) -> None:
    await keep_certification(
        tx, person_id, until, as_of=metadata.occurred_at, position=metadata.position
    )

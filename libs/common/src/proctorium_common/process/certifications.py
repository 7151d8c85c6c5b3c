"""Handlers for enrollment's events about certifications.

A service subscribes with them: `service.subscribe("<service>--certifications", {PersonCertified: on_certified, PersonRoleRevoked: …})`.
"""

from __future__ import annotations

from datetime import UTC

from proctorium.enrollment.events.v1 import events_pb2
from proctorium.options.v1 import options_pb2
from proctorium_common.events.handling import EventMetadata
from proctorium_common.ids import parse_id
from proctorium_common.storage.certifications import store_certification
from proctorium_common.storage.database import Transaction


async def on_certified(
    tx: Transaction, event: events_pb2.PersonCertified, metadata: EventMetadata
) -> None:
    """Store when a proctor's certification ends."""
    until = event.certified_until_time.ToDatetime(tzinfo=UTC)
    person_id = parse_id(event.person_id, "person_id")
    await store_certification(tx, person_id, until, position=metadata.position)


async def on_role_revoked(
    tx: Transaction, event: events_pb2.PersonRoleRevoked, metadata: EventMetadata
) -> None:
    """End the certification of a person who is no longer a proctor."""
    if event.role == options_pb2.ROLE_PROCTOR:
        person_id = parse_id(event.person_id, "person_id")
        ended = metadata.occurred_at
        await store_certification(tx, person_id, ended, position=metadata.position)

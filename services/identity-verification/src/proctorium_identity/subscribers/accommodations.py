"""The handler of the subscription `identity--accommodations`."""

from __future__ import annotations

from proctorium.enrollment.events.v1 import events_pb2 as events
from proctorium_common.events.handling import EventMetadata
from proctorium_common.ids import parse_id
from proctorium_common.storage.database import Transaction
from proctorium_identity.operations.accommodations import update_accommodation


async def on_person_accommodations_changed(
    tx: Transaction, event: events.PersonAccommodationsChanged, metadata: EventMetadata
) -> None:
    """Store whether the person's identity is checked without images, and apply it to the person's open cases."""
    await update_accommodation(
        tx,
        parse_id(event.person_id, "person_id"),
        event.revision,
        is_alternative=event.alternative_identity_check,
    )

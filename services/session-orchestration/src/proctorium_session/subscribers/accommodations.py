"""The handler of the subscription `session--accommodations`."""

from __future__ import annotations

from datetime import timedelta

from proctorium.enrollment.events.v1 import events_pb2 as events
from proctorium_common.events.handling import EventMetadata
from proctorium_common.ids import parse_id
from proctorium_common.storage.database import Transaction
from proctorium_session.operations.breaks import update_allowance


async def on_person_accommodations_changed(
    tx: Transaction, event: events.PersonAccommodationsChanged, metadata: EventMetadata
) -> None:
    """Store the extra break time of the person, unless this or a newer revision is already stored."""
    extra = timedelta(minutes=event.extra_break_minutes)
    await update_allowance(tx, parse_id(event.person_id, "person_id"), event.revision, extra)

"""The handler of the subscriber `assessment--accommodations`, which receives events of enrollment."""

from __future__ import annotations

from uuid import UUID

from proctorium.enrollment.events.v1 import events_pb2 as pb
from proctorium_assessment.domain.time_ledger import EntryKind, LedgerEntry
from proctorium_assessment.operations.time_events import add_accommodation
from proctorium_common.events.handling import EventMetadata
from proctorium_common.storage.database import Transaction


async def on_accommodations_changed(
    tx: Transaction, event: pb.PersonAccommodationsChanged, metadata: EventMetadata
) -> None:
    """Apply the accommodations to the clocks of the person's attempts."""
    entry = LedgerEntry(
        metadata.event_id,
        EntryKind.ACCOMMODATION,
        metadata.occurred_at,
        percent=event.extra_time_percent,
    )
    await add_accommodation(tx, UUID(event.person_id), event.revision, entry)

"""The handler of the subscription `session--codes`."""

from __future__ import annotations

from proctorium.enrollment.events.v1 import events_pb2 as events
from proctorium_common.events.handling import EventMetadata
from proctorium_common.ids import parse_id
from proctorium_common.storage.database import Transaction
from proctorium_session.operations.planning import invite


async def on_code_issued(
    tx: Transaction, event: events.CodeIssued, metadata: EventMetadata
) -> None:
    """Invite the learners to whom the code was sent."""
    person_ids = [parse_id(each, "recipient_ids") for each in event.recipient_ids]
    await invite(tx, parse_id(event.session_id, "session_id"), person_ids)

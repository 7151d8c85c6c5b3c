"""What enrollment tells of codes (`notification--codes`)."""

from __future__ import annotations

from proctorium.enrollment.events.v1 import events_pb2
from proctorium_common.events.handling import EventMetadata
from proctorium_common.ids import parse_id
from proctorium_common.storage.database import Transaction
from proctorium_notification.domain.topics import Topic
from proctorium_notification.operations import telling
from proctorium_notification.operations.telling import Occasion


async def on_issued(tx: Transaction, event: events_pb2.CodeIssued, metadata: EventMetadata) -> None:
    """Tells whom the code is for. Its text is asked for when the mail is written."""
    occasion = Occasion(
        metadata.event_id,
        Topic.CODE_REPLACED if event.replaced_code_id else Topic.CODE_ISSUED,
        parse_id(event.session_id, "session_id"),
        parse_id(event.code_id, "code_id"),
    )
    recipients = [parse_id(person_id, "recipient_ids") for person_id in event.recipient_ids]
    await telling.tell(tx, occasion, recipients)

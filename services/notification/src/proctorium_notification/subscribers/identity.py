"""What identity verification tells (`notification--identity`)."""

from __future__ import annotations

from proctorium.identity.events.v1 import events_pb2
from proctorium_common.events.handling import EventMetadata
from proctorium_common.ids import parse_id
from proctorium_common.storage.database import Transaction
from proctorium_notification.domain.topics import Topic
from proctorium_notification.operations import telling
from proctorium_notification.operations.telling import Occasion

_Decided = events_pb2.CaseVerified | events_pb2.CaseRejected | events_pb2.CaseResubmissionRequested


async def on_verified(
    tx: Transaction, event: events_pb2.CaseVerified, metadata: EventMetadata
) -> None:
    """Tells the learner that it is done."""
    await _tell(tx, Topic.IDENTITY_VERIFIED, event, metadata)


async def on_rejected(
    tx: Transaction, event: events_pb2.CaseRejected, metadata: EventMetadata
) -> None:
    """Tells the learner where the reason stands."""
    await _tell(tx, Topic.IDENTITY_REJECTED, event, metadata)


async def on_resubmission_requested(
    tx: Transaction, event: events_pb2.CaseResubmissionRequested, metadata: EventMetadata
) -> None:
    """Asks the learner for new pictures."""
    await _tell(tx, Topic.IDENTITY_RESUBMISSION, event, metadata)


async def _tell(tx: Transaction, topic: Topic, event: _Decided, metadata: EventMetadata) -> None:
    occasion = Occasion(metadata.event_id, topic, parse_id(event.session_id, "session_id"))
    await telling.tell(tx, occasion, [parse_id(event.person_id, "person_id")])

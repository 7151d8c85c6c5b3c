"""The handlers of events from identity verification. The subscriber `notification--identity` receives the events."""

from __future__ import annotations

from proctorium.identity.events.v1 import events_pb2
from proctorium_common.events.handling import EventMetadata
from proctorium_common.ids import parse_id
from proctorium_common.storage.database import Transaction
from proctorium_notification.domain.deliveries import Cause
from proctorium_notification.domain.topics import Topic
from proctorium_notification.operations.notifying import notify

_CaseEvent = (
    events_pb2.CaseVerified | events_pb2.CaseRejected | events_pb2.CaseResubmissionRequested
)


async def on_case_verified(
    tx: Transaction, event: events_pb2.CaseVerified, metadata: EventMetadata
) -> None:
    """Notify the learner that the learner's identity is verified."""
    await _notify_learner(tx, Topic.IDENTITY_VERIFIED, event, metadata)


async def on_case_rejected(
    tx: Transaction, event: events_pb2.CaseRejected, metadata: EventMetadata
) -> None:
    """Notify the learner that the learner's identity could not be verified."""
    await _notify_learner(tx, Topic.IDENTITY_REJECTED, event, metadata)


async def on_case_resubmission_requested(
    tx: Transaction, event: events_pb2.CaseResubmissionRequested, metadata: EventMetadata
) -> None:
    """Notify the learner that new photos are needed."""
    await _notify_learner(tx, Topic.IDENTITY_RESUBMISSION_REQUESTED, event, metadata)


async def _notify_learner(
    tx: Transaction, topic: Topic, event: _CaseEvent, metadata: EventMetadata
) -> None:
    cause = Cause(metadata.event_id, topic, parse_id(event.session_id, "session_id"))
    await notify(tx, cause, [parse_id(event.person_id, "person_id")])

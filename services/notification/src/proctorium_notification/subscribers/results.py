"""The handlers of events from assessment. The subscriber `notification--results` receives the events."""

from __future__ import annotations

from proctorium.assessment.events.v1 import events_pb2
from proctorium_common.events.handling import EventMetadata
from proctorium_common.ids import parse_id
from proctorium_common.messages import optional_id
from proctorium_common.storage.database import Transaction
from proctorium_notification.domain.deliveries import Cause
from proctorium_notification.domain.topics import Topic
from proctorium_notification.operations.notifying import notify


async def on_result_released(
    tx: Transaction, event: events_pb2.ResultReleased, metadata: EventMetadata
) -> None:
    """Notify the learner that the result is released. A result of a self-paced assessment has no session."""
    cause = Cause(
        metadata.event_id,
        Topic.RESULT_RELEASED,
        optional_id(event.session_id, "session_id"),
        parse_id(event.attempt_id, "attempt_id"),
    )
    await notify(tx, cause, [parse_id(event.person_id, "person_id")])


async def on_certificate_issued(
    tx: Transaction, event: events_pb2.CertificateIssued, metadata: EventMetadata
) -> None:
    """Notify the learner that the certificate was issued. The message belongs to no session."""
    cause = Cause(
        metadata.event_id,
        Topic.CERTIFICATE_ISSUED,
        subject_id=parse_id(event.certificate_id, "certificate_id"),
        subject_title=event.course_title,
    )
    await notify(tx, cause, [parse_id(event.person_id, "person_id")])

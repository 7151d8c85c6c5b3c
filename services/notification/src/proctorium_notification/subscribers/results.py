"""Events of assessment (`notification--results`). A self-paced result belongs to no session, a certificate to a course."""

from __future__ import annotations

from uuid import UUID

from proctorium.assessment.events.v1 import events_pb2
from proctorium_common.events.handling import EventMetadata
from proctorium_common.ids import parse_id
from proctorium_common.storage.database import Transaction
from proctorium_notification.domain.topics import Topic
from proctorium_notification.operations import telling
from proctorium_notification.operations.telling import Occasion


async def on_released(
    tx: Transaction, event: events_pb2.ResultReleased, metadata: EventMetadata
) -> None:
    """Tells the learner that the result can be seen; not what it is."""
    occasion = Occasion(
        metadata.event_id,
        Topic.RESULT_RELEASED,
        _session(event.session_id),
        parse_id(event.attempt_id, "attempt_id"),
    )
    await telling.tell(tx, occasion, [parse_id(event.person_id, "person_id")])


async def on_certificate_issued(
    tx: Transaction, event: events_pb2.CertificateIssued, metadata: EventMetadata
) -> None:
    """Notify the learner where the certificate is."""
    occasion = Occasion(
        metadata.event_id,
        Topic.CERTIFICATE_ISSUED,
        subject_id=parse_id(event.certificate_id, "certificate_id"),
        subject_title=event.course_title,
    )
    await telling.tell(tx, occasion, [parse_id(event.person_id, "person_id")])


def _session(session_id: str) -> UUID | None:
    return parse_id(session_id, "session_id") if session_id else None

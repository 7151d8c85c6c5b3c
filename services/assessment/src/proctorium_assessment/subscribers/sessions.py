"""What session orchestration tells (`assessment--sessions`)."""

from __future__ import annotations

from datetime import UTC
from uuid import UUID

from proctorium.session.events.v1 import events_pb2
from proctorium_assessment.operations import sessions
from proctorium_common.events.handling import EventMetadata
from proctorium_common.storage.database import Transaction


async def on_session_scheduled(
    tx: Transaction, event: events_pb2.SessionScheduled, _metadata: EventMetadata
) -> None:
    """Who leads the session."""
    await sessions.scheduled(
        tx,
        UUID(event.session_id),
        _optional(event.course_id),
        [UUID(proctor_id) for proctor_id in event.proctor_ids],
    )


async def on_participant_joined(
    tx: Transaction, event: events_pb2.ParticipantJoined, _metadata: EventMetadata
) -> None:
    """A learner is there: their attempts are made."""
    await sessions.joined(
        tx,
        session_id=UUID(event.session_id),
        participant_id=UUID(event.participant_id),
        person_id=UUID(event.person_id),
        course_id=_optional(event.course_id),
        assessment_ids=[UUID(assessment_id) for assessment_id in event.assessment_ids],
    )


async def on_participant_ready(
    tx: Transaction, event: events_pb2.ParticipantReady, _metadata: EventMetadata
) -> None:
    """Note that only the authorisation is missing."""
    await sessions.ready(tx, UUID(event.participant_id))


async def on_assessment_authorized(
    tx: Transaction, event: events_pb2.ParticipantAssessmentAuthorized, _metadata: EventMetadata
) -> None:
    """A proctor lets a learner begin."""
    await sessions.authorized(
        tx,
        session_id=UUID(event.session_id),
        participant_id=UUID(event.participant_id),
        person_id=UUID(event.person_id),
        assessment_id=UUID(event.assessment_id),
    )


async def on_participant_removed(
    tx: Transaction, event: events_pb2.ParticipantRemoved, _metadata: EventMetadata
) -> None:
    """A learner was removed."""
    await sessions.removed(
        tx, session_id=UUID(event.session_id), participant_id=UUID(event.participant_id)
    )


async def on_session_ended(
    tx: Transaction, event: events_pb2.SessionEnded, metadata: EventMetadata
) -> None:
    """The session is over."""
    ended_at = (
        event.end_time.ToDatetime(tzinfo=UTC)
        if event.HasField("end_time")
        else metadata.occurred_at
    )
    await sessions.ended(
        tx,
        session_id=UUID(event.session_id),
        course_id=_optional(event.course_id),
        ended_at=ended_at,
    )


def _optional(text: str) -> UUID | None:
    return UUID(text) if text else None

"""What session orchestration tells (`notification--sessions`)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC
from uuid import UUID

from proctorium.session.events.v1 import events_pb2
from proctorium_common.events.handling import EventMetadata
from proctorium_common.ids import parse_id
from proctorium_common.storage.database import Transaction
from proctorium_notification.domain.topics import Session, Topic
from proctorium_notification.operations import telling
from proctorium_notification.operations.telling import Occasion


async def on_scheduled(
    tx: Transaction, event: events_pb2.SessionScheduled, metadata: EventMetadata
) -> None:
    """Learns the plan and tells the proctors. The learners are told with their code."""
    session_id = parse_id(event.session_id, "session_id")
    session = Session(
        session_id=session_id,
        title=event.title,
        start_at=event.start_time.ToDatetime(UTC),
        duration=event.duration.ToTimedelta(),
    )
    await telling.plan(tx, session)
    occasion = Occasion(metadata.event_id, Topic.SESSION_SCHEDULED, session_id)
    await telling.tell(tx, occasion, _people(event.proctor_ids))


async def on_cancelled(
    tx: Transaction, event: events_pb2.SessionCancelled, metadata: EventMetadata
) -> None:
    """Tells whoever was to come."""
    session_id = parse_id(event.session_id, "session_id")
    await telling.cancel(tx, session_id, metadata.occurred_at)
    occasion = Occasion(metadata.event_id, Topic.SESSION_CANCELLED, session_id)
    await telling.tell(tx, occasion, _people(event.person_ids))


async def on_ended(
    tx: Transaction, event: events_pb2.SessionEnded, metadata: EventMetadata
) -> None:
    """Tells the learners who were there."""
    session_id = parse_id(event.session_id, "session_id")
    await telling.end(tx, session_id, event.end_time.ToDatetime(UTC))
    attended = [known.person_id for known in event.attendances if known.attended]
    occasion = Occasion(metadata.event_id, Topic.SESSION_ENDED, session_id)
    await telling.tell(tx, occasion, _people(attended))


async def on_removed(
    tx: Transaction, event: events_pb2.ParticipantRemoved, metadata: EventMetadata
) -> None:
    """Tells the learner."""
    occasion = Occasion(metadata.event_id, Topic.REMOVED, parse_id(event.session_id, "session_id"))
    await telling.tell(tx, occasion, _people([event.person_id]))


def _people(ids: Iterable[str]) -> list[UUID]:
    return [parse_id(person_id, "person_id") for person_id in ids]

"""Something happened that concerns people: a message for each of them, in each channel (`N1`, `N2`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from proctorium_common.errors import unavailable
from proctorium_common.storage.database import Transaction
from proctorium_common.telemetry.traces import current_place, traceparent_of
from proctorium_notification.domain.topics import Channel, Session, Topic
from proctorium_notification.storage import sessions
from proctorium_notification.storage.deliveries import NewDeliveries, add_deliveries


@dataclass(frozen=True, slots=True)
class Occasion:
    """Why people are told something: the event, and what the message is about."""

    event_id: UUID
    topic: Topic
    session_id: UUID | None = None
    subject_id: UUID | None = None


async def tell(tx: Transaction, occasion: Occasion, person_ids: Sequence[UUID]) -> None:
    """Gives each of these people one message per channel, however often this is repeated.

    Raises UNAVAILABLE while the session is not known yet: its plan is on its way by another event.
    """
    if occasion.session_id is not None:
        await _require_plan(tx, occasion.session_id)
    place = current_place()
    for channel in Channel:
        await add_deliveries(
            tx,
            NewDeliveries(
                person_ids=person_ids,
                event_id=occasion.event_id,
                topic=occasion.topic,
                channel=channel,
                session_id=occasion.session_id,
                subject_id=occasion.subject_id,
                traceparent=traceparent_of(place) if place else "",
            ),
        )


async def _require_plan(tx: Transaction, session_id: UUID) -> None:
    if session_id not in await sessions.planned_sessions(tx, [session_id]):
        raise unavailable(
            "DEPENDENCY_UNAVAILABLE", "The session's plan is not known here yet; it is on its way."
        )


async def plan(tx: Transaction, session: Session) -> None:
    """Learns what is planned."""
    await sessions.save_plan(tx, session)


async def cancel(tx: Transaction, session_id: UUID, at: datetime) -> None:
    """Learns that a session was called off."""
    await sessions.save_cancelled(tx, session_id, at)


async def end(tx: Transaction, session_id: UUID, at: datetime) -> None:
    """Learns that a session is over."""
    await sessions.save_ended(tx, session_id, at)

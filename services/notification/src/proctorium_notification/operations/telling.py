"""Something happened that concerns people: a message for each of them, in each channel (`N1`, `N2`)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from proctorium_common.storage.database import Transaction
from proctorium_common.telemetry.traces import current_trace_context, traceparent_of
from proctorium_notification.domain.topics import Channel, Session, Topic
from proctorium_notification.storage import sessions
from proctorium_notification.storage.deliveries import CHANNEL, NewDeliveries, add_deliveries


@dataclass(frozen=True, slots=True)
class Occasion:
    """Why people are told something: the event, and what the message is about."""

    event_id: UUID
    topic: Topic
    session_id: UUID | None = None
    subject_id: UUID | None = None
    subject_title: str = ""


async def tell(tx: Transaction, occasion: Occasion, person_ids: Sequence[UUID]) -> None:
    """Gives each of these people one message per channel, however often this is repeated.

    Where the session's plan is still on its way by another event, the messages wait for it: they are sent and shown from then on.
    """
    place = current_trace_context()
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
                subject_title=occasion.subject_title,
                traceparent=traceparent_of(place) if place else "",
            ),
        )


async def plan(tx: Transaction, session: Session) -> None:
    """Learns what is planned; messages that waited for it can go."""
    await sessions.save_plan(tx, session)
    tx.notify(CHANNEL, "")


async def cancel(tx: Transaction, session_id: UUID, at: datetime) -> None:
    """Learns that a session was called off."""
    await sessions.save_cancelled(tx, session_id, at)


async def end(tx: Transaction, session_id: UUID, at: datetime) -> None:
    """Learns that a session is over."""
    await sessions.save_ended(tx, session_id, at)

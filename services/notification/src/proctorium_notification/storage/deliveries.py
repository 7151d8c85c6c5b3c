"""Deliveries in the database: who may send which, and what became of it.

Every write of a sender names the lease it holds: a sender whose lease was taken over changes nothing any more.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from sqlalchemy import (
    ColumnElement,
    Row,
    Update,
    and_,
    bindparam,
    case,
    func,
    or_,
    select,
    text,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.ids import new_id
from proctorium_common.storage.database import Transaction
from proctorium_notification.domain.deliveries import Delivery, DeliveryState, Move, before
from proctorium_notification.domain.topics import Channel, Topic
from proctorium_notification.storage.sessions import can_be_told
from proctorium_notification.storage.tables import deliveries

CHANNEL = "deliveries"
"""NOTIFY channel: something is to be sent."""

NO_WORD = "the sender ended after handing the message over and before hearing whether it was taken"


@dataclass(frozen=True, slots=True)
class NewDeliveries:
    """The same message to several people by one channel."""

    person_ids: Sequence[UUID]
    event_id: UUID
    topic: Topic
    channel: Channel
    session_id: UUID | None
    subject_id: UUID | None
    traceparent: str
    subject_title: str = ""


@dataclass(frozen=True, slots=True)
class Claimed:
    """A delivery that this process may send, until the lease ends."""

    delivery: Delivery
    lease: UUID
    traceparent: str
    destination: int | None = None
    """Known once the address was looked up."""


async def add_deliveries(tx: Transaction, new: NewDeliveries) -> None:
    """Adds one delivery for each person; who has one of this event and channel already gets no other.

    Messages in the application are there with this transaction; mails wait for their sender.
    """
    there = new.channel is Channel.IN_APP
    rows = [
        {
            "delivery_id": new_id(),
            "person_id": person_id,
            "event_id": new.event_id,
            "topic": new.topic,
            "channel": new.channel,
            "session_id": new.session_id,
            "subject_id": new.subject_id,
            "subject_title": new.subject_title,
            "state": DeliveryState.SENT if there else DeliveryState.PENDING,
            "sent_at": tx.now if there else None,
            "created_at": tx.now,
            "next_attempt_at": tx.now,
            "traceparent": new.traceparent,
        }
        for person_id in sorted(set(new.person_ids))
    ]
    if rows:
        # As a batch: one statement has room for some two thousand rows only.
        await tx.execute(insert(deliveries).on_conflict_do_nothing(), rows)
        tx.notify(CHANNEL, "")


async def claim_due(
    tx: Transaction,
    *,
    lease: UUID,
    sender_key: int,
    until: datetime,
    limit: int,
    only: AbstractSet[int] | None = None,
    without: AbstractSet[int] = frozenset(),
) -> Sequence[Claimed]:
    """Claim up to `limit` deliveries that are due and not claimed, oldest first.

    `only` restricts them to these destinations; `without` excludes these destinations.
    """
    destination = deliveries.c.destination
    wanted = (
        or_(destination.is_(None), destination.not_in(sorted(without)))
        if only is None
        else destination.in_(sorted(only))
    )
    due = (
        select(deliveries.c.delivery_id)
        .where(
            deliveries.c.state == DeliveryState.PENDING,
            deliveries.c.next_attempt_at <= tx.now,
            or_(deliveries.c.leased_until.is_(None), deliveries.c.leased_until <= tx.now),
            wanted,
            can_be_told(deliveries.c.session_id),
        )
        .order_by(deliveries.c.next_attempt_at, deliveries.c.delivery_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    taking = (
        update(deliveries)
        .where(deliveries.c.delivery_id == due.c.delivery_id)
        .values(lease_token=lease, sender_key=sender_key, leased_until=until)
        .returning(deliveries)
    )
    rows = (await tx.execute(taking)).all()
    claimed = [Claimed(_delivery(row), lease, row.traceparent, row.destination) for row in rows]
    return sorted(claimed, key=lambda one: (one.delivery.created_at, one.delivery.delivery_id))


async def give_back(tx: Transaction, claimed: Sequence[Claimed]) -> None:
    """Release claims early, store each one's destination and wake the senders, since others may send them now."""
    giving_back = (
        update(deliveries)
        .where(
            deliveries.c.delivery_id == bindparam("of"),
            deliveries.c.lease_token == bindparam("held"),
            deliveries.c.state == DeliveryState.PENDING,
        )
        .values(lease_token=None, leased_until=None, destination=bindparam("to"))
    )
    rows = [
        {"of": one.delivery.delivery_id, "held": one.lease, "to": one.destination}
        for one in claimed
    ]
    if rows:
        await tx.execute(giving_back, rows)
        tx.notify(CHANNEL, "")


async def mark(tx: Transaction, claimed: Claimed, until: datetime) -> bool:
    """Notes that the message is handed over in the next moment; False when the lease is lost and it must not be."""
    marking = _moving(claimed, Move.MARK).where(deliveries.c.leased_until > tx.now)
    return await _done(
        tx,
        marking.values(
            state=DeliveryState.SENDING,
            leased_until=until,
            attempt_count=deliveries.c.attempt_count + 1,
        ),
    )


async def save_taken(tx: Transaction, claimed: Claimed) -> bool:
    """The receiving server took it."""
    return await _done(
        tx,
        _moving(claimed, Move.TAKEN).values(
            state=DeliveryState.SENT,
            sent_at=tx.now,
            last_error="",
            lease_token=None,
            leased_until=None,
            destination=None,
        ),
    )


async def put_off(
    tx: Transaction, claimed: Claimed, *, until: datetime, error: str, tried: bool
) -> bool:
    """It could not go now; `tried` counts it as a try of this message (a marked one is counted already)."""
    count = deliveries.c.attempt_count + (1 if tried else 0)
    return await _done(
        tx,
        _moving(claimed, Move.PUT_OFF).values(
            state=DeliveryState.PENDING,
            next_attempt_at=until,
            last_error=error,
            attempt_count=count,
            lease_token=None,
            leased_until=None,
            destination=claimed.destination,
        ),
    )


async def save_refused(tx: Transaction, claimed: Claimed, *, error: str, tried: bool) -> bool:
    """It will never go."""
    return await _done(
        tx,
        _moving(claimed, Move.REFUSED).values(
            state=DeliveryState.FAILED,
            last_error=error,
            attempt_count=deliveries.c.attempt_count + (1 if tried else 0),
            lease_token=None,
            leased_until=None,
            destination=None,
        ),
    )


async def save_no_word(tx: Transaction, claimed: Claimed, *, error: str) -> bool:
    """It was handed over, and no answer came. The lease stays noted: an answer that comes after all still counts."""
    return await _done(
        tx,
        _moving(claimed, Move.NO_WORD).values(state=DeliveryState.IN_DOUBT, last_error=error),
    )


async def doubt_abandoned(tx: Transaction) -> Sequence[UUID]:
    """Mark as in doubt what was handed over by somebody who was not heard of since, and answers which."""
    abandoned = (
        update(deliveries)
        .where(
            deliveries.c.state.in_(before(Move.NO_WORD)),
            deliveries.c.leased_until <= tx.now,
        )
        .values(state=DeliveryState.IN_DOUBT, last_error=NO_WORD)
        .returning(deliveries.c.delivery_id)
    )
    return list((await tx.execute(abandoned)).scalars())


async def lock_delivery(tx: Transaction, delivery_id: UUID) -> Delivery | None:
    """The delivery, locked until the transaction ends, or None."""
    found = await tx.execute(
        select(deliveries).where(deliveries.c.delivery_id == delivery_id).with_for_update()
    )
    row = found.first()
    return None if row is None else _delivery(row)


async def save_resend(tx: Transaction, delivery_id: UUID) -> Delivery:
    """Makes the delivery wait for its sender again."""
    saved = await tx.execute(
        update(deliveries)
        .where(deliveries.c.delivery_id == delivery_id)
        .values(
            state=DeliveryState.PENDING,
            next_attempt_at=tx.now,
            lease_token=None,
            leased_until=None,
        )
        .returning(deliveries)
    )
    tx.notify(CHANNEL, "")
    return _delivery(saved.one())


async def list_deliveries(
    tx: Transaction,
    *,
    state: DeliveryState | None,
    person_id: UUID | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[Delivery]:
    """Deliveries, newest first, after the one with this time and id."""
    conditions: list[ColumnElement[bool]] = []
    if state is not None:
        conditions.append(deliveries.c.state == state)
    if person_id is not None:
        conditions.append(deliveries.c.person_id == person_id)
    if after is not None:
        conditions.append(_earlier(after))
    found = await tx.execute(
        select(deliveries)
        .where(and_(True, *conditions))
        .order_by(deliveries.c.created_at.desc(), deliveries.c.delivery_id.desc())
        .limit(limit)
    )
    return [_delivery(row) for row in found]


async def count_unsent(tx: Transaction) -> Mapping[DeliveryState, int]:
    """How many deliveries are in each state but SENT."""
    found = await tx.execute(
        # Written out, so that the partial index serves it whatever the plan.
        select(deliveries.c.state, func.count())
        .where(text("state <> 'sent'"))
        .group_by(deliveries.c.state)
    )
    counts = {DeliveryState(state): int(count) for state, count in found}
    return {
        state: counts.get(state, 0) for state in DeliveryState if state is not DeliveryState.SENT
    }


class Waiting(StrEnum):
    """The reason why a mail is pending."""

    SENDING = "sending"
    """A sender has claimed it."""
    PAUSE = "pause"
    """Sending failed; it is retried after a pause."""
    SESSION = "session"
    """The event with its session's plan has not arrived yet."""
    CONNECTION = "connection"
    """It is due, and no connection was free for it yet."""
    SLOW_DESTINATION = "slow_destination"
    """It is due, and its destination is slow."""


async def count_waiting(tx: Transaction, slow: AbstractSet[int]) -> Mapping[Waiting, int]:
    """Count the pending deliveries by reason, given the slow destinations."""
    why = case(
        (deliveries.c.leased_until > tx.now, Waiting.SENDING),
        (deliveries.c.next_attempt_at > tx.now, Waiting.PAUSE),
        (~can_be_told(deliveries.c.session_id), Waiting.SESSION),
        (deliveries.c.destination.in_(sorted(slow)), Waiting.SLOW_DESTINATION),
        else_=Waiting.CONNECTION,
    ).label("why")
    found = await tx.execute(
        # Written out, so that the partial index serves it whatever the plan.
        select(why, func.count()).where(text("state = 'pending'")).group_by(text("why"))
    )
    counts = {Waiting(reason): int(count) for reason, count in found}
    return {reason: counts.get(reason, 0) for reason in Waiting}


def _moving(claimed: Claimed, move: Move) -> Update:
    return update(deliveries).where(
        deliveries.c.delivery_id == claimed.delivery.delivery_id,
        deliveries.c.lease_token == claimed.lease,
        deliveries.c.state.in_(before(move)),
    )


async def _done(tx: Transaction, change: Update) -> bool:
    result = await tx.execute(change.returning(deliveries.c.delivery_id))
    return result.first() is not None


def _earlier(after: tuple[datetime, UUID]) -> ColumnElement[bool]:
    return tuple_(deliveries.c.created_at, deliveries.c.delivery_id) < after


def _delivery(row: Row[*tuple[object, ...]]) -> Delivery:
    return Delivery(
        delivery_id=row.delivery_id,
        person_id=row.person_id,
        event_id=row.event_id,
        topic=Topic(row.topic),
        channel=Channel(row.channel),
        state=DeliveryState(row.state),
        attempt_count=row.attempt_count,
        last_error=row.last_error,
        created_at=row.created_at,
        sent_at=row.sent_at,
        session_id=row.session_id,
        subject_id=row.subject_id,
        subject_title=row.subject_title,
    )

"""Queries of deliveries, of the claims of senders and of the outcomes of deliveries.

Every update by a sender has the lease token of the sender's claim as a condition. So a sender changes nothing after
another sender has taken over the claim.
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
from proctorium_notification.domain.deliveries import (
    DELIVERY_STATES,
    Cause,
    Delivery,
    DeliveryAction,
    DeliveryState,
)
from proctorium_notification.domain.topics import Channel, Topic
from proctorium_notification.storage.sessions import plan_is_known
from proctorium_notification.storage.tables import deliveries

CHANNEL = "deliveries"
"""The PostgreSQL channel for notifications that mails are due. The senders listen on this channel."""

SENDER_DIED = "the sender ended after it handed the message over and before the mail server's response was stored"


@dataclass(frozen=True, slots=True)
class Claim:
    """A delivery that this process may send until the lease ends."""

    delivery: Delivery
    lease_token: UUID
    traceparent: str
    destination: int | None = None
    """The destination of the mail, or None if the address of the person has not been requested yet."""


async def insert_deliveries(
    tx: Transaction, cause: Cause, person_ids: Sequence[UUID], channel: Channel, traceparent: str
) -> None:
    """Insert one delivery for each person who has no delivery for the same event and channel yet.

    The state of a new message in the application is SENT, because storing the message delivers it. The state of a new
    mail is PENDING.
    """
    in_app = channel is Channel.IN_APP
    rows = [
        {
            "delivery_id": new_id(),
            "person_id": person_id,
            "event_id": cause.event_id,
            "topic": cause.topic,
            "channel": channel,
            "session_id": cause.session_id,
            "subject_id": cause.subject_id,
            "subject_title": cause.subject_title,
            "state": DeliveryState.SENT if in_app else DeliveryState.PENDING,
            "sent_at": tx.now if in_app else None,
            "created_at": tx.now,
            "next_try_at": tx.now,
            "traceparent": traceparent,
        }
        for person_id in sorted(set(person_ids))
    ]
    if rows:
        # The rows are inserted by `executemany`, because a single INSERT can have parameters for only about 2000 rows.
        await tx.execute(insert(deliveries).on_conflict_do_nothing(), rows)
        tx.notify(CHANNEL, "")


async def claim_deliveries(
    tx: Transaction,
    *,
    lease_token: UUID,
    sender_key: int,
    until: datetime,
    limit: int,
    only: AbstractSet[int] | None = None,
    without: AbstractSet[int] = frozenset(),
) -> Sequence[Claim]:
    """Claim up to `limit` deliveries that are due and not claimed, and return the claims, oldest first.

    If `only` is not None, only deliveries to the destinations in `only` are claimed. Otherwise, deliveries to the
    destinations in `without` are not claimed.
    """
    destination = deliveries.c.destination
    may_be_sent = (
        or_(destination.is_(None), destination.not_in(sorted(without)))
        if only is None
        else destination.in_(sorted(only))
    )
    due = (
        select(deliveries.c.delivery_id)
        .where(
            deliveries.c.state == DeliveryState.PENDING,
            deliveries.c.next_try_at <= tx.now,
            or_(deliveries.c.leased_until.is_(None), deliveries.c.leased_until <= tx.now),
            may_be_sent,
            plan_is_known(deliveries.c.session_id),
        )
        .order_by(deliveries.c.next_try_at, deliveries.c.delivery_id)
        .limit(limit)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    statement = (
        update(deliveries)
        .where(deliveries.c.delivery_id == due.c.delivery_id)
        .values(lease_token=lease_token, sender_key=sender_key, leased_until=until)
        .returning(deliveries)
    )
    rows = (await tx.execute(statement)).all()
    claims = [Claim(_delivery(row), lease_token, row.traceparent, row.destination) for row in rows]
    return sorted(claims, key=lambda claim: (claim.delivery.created_at, claim.delivery.delivery_id))


async def release_claims(tx: Transaction, claims: Sequence[Claim]) -> None:
    """End the claims before their leases end, store the destinations of the mails, and notify the senders.

    The senders are notified because another sender may send the mails now.
    """
    statement = (
        update(deliveries)
        .where(
            deliveries.c.delivery_id == bindparam("claimed_id"),
            deliveries.c.lease_token == bindparam("claimed_by"),
            deliveries.c.state == DeliveryState.PENDING,
        )
        .values(lease_token=None, leased_until=None, destination=bindparam("to_destination"))
    )
    rows = [
        {
            "claimed_id": claim.delivery.delivery_id,
            "claimed_by": claim.lease_token,
            "to_destination": claim.destination,
        }
        for claim in claims
    ]
    if rows:
        await tx.execute(statement, rows)
        tx.notify(CHANNEL, "")


async def update_delivery_to_sending(tx: Transaction, claim: Claim, leased_until: datetime) -> bool:
    """Store that the message is about to be handed over, and return True.

    Return False if the claim is not valid any more. In that case, the caller must not hand the message over.
    """
    statement = _update(claim, DeliveryAction.HAND_OVER).where(deliveries.c.leased_until > tx.now)
    return await _changes(
        tx, statement.values(leased_until=leased_until, try_count=deliveries.c.try_count + 1)
    )


async def update_delivery_to_sent(tx: Transaction, claim: Claim) -> bool:
    """Store that the mail server accepted the message. Return whether the claim was still valid."""
    return await _changes(
        tx,
        _update(claim, DeliveryAction.ACCEPT).values(
            sent_at=tx.now, last_error="", lease_token=None, leased_until=None, destination=None
        ),
    )


async def update_delivery_to_pending(
    tx: Transaction, claim: Claim, *, next_try_at: datetime, error: str, tries: int
) -> bool:
    """Store the time at which a message that could not be sent is retried.

    `tries` is added to the number of tries of the delivery. Return whether the claim was still valid.
    """
    return await _changes(
        tx,
        _update(claim, DeliveryAction.DEFER).values(
            next_try_at=next_try_at,
            last_error=error,
            try_count=deliveries.c.try_count + tries,
            lease_token=None,
            leased_until=None,
            destination=claim.destination,
        ),
    )


async def update_delivery_to_failed(
    tx: Transaction, claim: Claim, *, error: str, tries: int
) -> bool:
    """Store that the message cannot be sent.

    `tries` is added to the number of tries of the delivery. Return whether the claim was still valid.
    """
    return await _changes(
        tx,
        _update(claim, DeliveryAction.FAIL).values(
            last_error=error,
            try_count=deliveries.c.try_count + tries,
            lease_token=None,
            leased_until=None,
            destination=None,
        ),
    )


async def update_delivery_to_in_doubt(tx: Transaction, claim: Claim, *, error: str) -> bool:
    """Store that the message was handed over, but no valid response was received.

    The lease token is not removed, so that a response that arrives later can still be stored. Return whether the claim
    was still valid.
    """
    return await _changes(tx, _update(claim, DeliveryAction.DOUBT).values(last_error=error))


async def update_abandoned_deliveries(tx: Transaction) -> Sequence[UUID]:
    """Mark the deliveries in the state SENDING whose leases have expired as in doubt. Return their ids."""
    statement = (
        update(deliveries)
        .where(
            deliveries.c.state.in_(_origins(DeliveryAction.DOUBT)),
            deliveries.c.leased_until <= tx.now,
        )
        .values(state=DeliveryState.IN_DOUBT, last_error=SENDER_DIED)
        .returning(deliveries.c.delivery_id)
    )
    return list((await tx.execute(statement)).scalars())


async def lock_delivery(tx: Transaction, delivery_id: UUID) -> Delivery | None:
    """Lock the row of the delivery and return it, or None if it does not exist."""
    rows = await tx.execute(
        select(deliveries).where(deliveries.c.delivery_id == delivery_id).with_for_update()
    )
    row = rows.first()
    return None if row is None else _delivery(row)


async def update_delivery_to_pending_again(tx: Transaction, delivery_id: UUID) -> Delivery:
    """Make the delivery pending and due, notify the senders, and return the delivery."""
    rows = await tx.execute(
        update(deliveries)
        .where(deliveries.c.delivery_id == delivery_id)
        .values(
            state=DeliveryState.PENDING,
            next_try_at=tx.now,
            lease_token=None,
            leased_until=None,
        )
        .returning(deliveries)
    )
    tx.notify(CHANNEL, "")
    return _delivery(rows.one())


async def list_deliveries(
    tx: Transaction,
    *,
    state: DeliveryState | None,
    person_id: UUID | None,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> Sequence[Delivery]:
    """Return at most `limit` deliveries, newest first.

    `after` is the creation time and the id of the last delivery of the previous page, or None for the first page.
    """
    conditions: list[ColumnElement[bool]] = []
    if state is not None:
        conditions.append(deliveries.c.state == state)
    if person_id is not None:
        conditions.append(deliveries.c.person_id == person_id)
    if after is not None:
        conditions.append(tuple_(deliveries.c.created_at, deliveries.c.delivery_id) < after)
    rows = await tx.execute(
        select(deliveries)
        .where(and_(True, *conditions))
        .order_by(deliveries.c.created_at.desc(), deliveries.c.delivery_id.desc())
        .limit(limit)
    )
    return [_delivery(row) for row in rows]


async def count_unsent_deliveries(tx: Transaction) -> Mapping[DeliveryState, int]:
    """Return the number of deliveries in each state except SENT."""
    rows = await tx.execute(
        # The condition is constant text without parameters, so that every query plan can use the partial index.
        select(deliveries.c.state, func.count())
        .where(text("state <> 'sent'"))
        .group_by(deliveries.c.state)
    )
    counts = {DeliveryState(state): int(count) for state, count in rows}
    return {
        state: counts.get(state, 0) for state in DeliveryState if state is not DeliveryState.SENT
    }


class PendingReason(StrEnum):
    """The reasons why a mail is pending."""

    SENDING = "sending"
    """A sender has claimed the mail."""
    BACKOFF = "backoff"
    """Sending the mail failed. The mail is retried after a delay."""
    SESSION = "session"
    """The event with the plan of the mail's session has not arrived yet."""
    CONNECTION = "connection"
    """The mail is due, but no free connection was available for the mail yet."""
    SLOW_DESTINATION = "slow_destination"
    """The mail is due, but the destination of the mail is slow."""


async def count_pending_deliveries(
    tx: Transaction, slow: AbstractSet[int]
) -> Mapping[PendingReason, int]:
    """Return the number of pending deliveries for each reason. `slow` contains the destinations that are slow now."""
    reason = case(
        (deliveries.c.leased_until > tx.now, PendingReason.SENDING),
        (deliveries.c.next_try_at > tx.now, PendingReason.BACKOFF),
        (~plan_is_known(deliveries.c.session_id), PendingReason.SESSION),
        (deliveries.c.destination.in_(sorted(slow)), PendingReason.SLOW_DESTINATION),
        else_=PendingReason.CONNECTION,
    ).label("reason")
    rows = await tx.execute(
        # The condition is constant text without parameters, so that every query plan can use the partial index.
        select(reason, func.count()).where(text("state = 'pending'")).group_by(text("reason"))
    )
    counts = {PendingReason(reason): int(count) for reason, count in rows}
    return {reason: counts.get(reason, 0) for reason in PendingReason}


def _origins(action: DeliveryAction) -> list[DeliveryState]:
    return [state for state in DeliveryState if DELIVERY_STATES.allows(state, action)]


def _update(claim: Claim, action: DeliveryAction) -> Update:
    """Return a statement that updates a claimed delivery to the state after `action`.

    The caller adds the values of the other columns.
    """
    origins = _origins(action)
    target = DELIVERY_STATES.target(origins[0], action)
    return (
        update(deliveries)
        .where(
            deliveries.c.delivery_id == claim.delivery.delivery_id,
            deliveries.c.lease_token == claim.lease_token,
            deliveries.c.state.in_(origins),
        )
        .values(state=target)
    )


async def _changes(tx: Transaction, statement: Update) -> bool:
    rows = await tx.execute(statement.returning(deliveries.c.delivery_id))
    return rows.first() is not None


def _delivery(row: Row[*tuple[object, ...]]) -> Delivery:
    return Delivery(
        delivery_id=row.delivery_id,
        person_id=row.person_id,
        channel=Channel(row.channel),
        cause=Cause(
            event_id=row.event_id,
            topic=Topic(row.topic),
            session_id=row.session_id,
            subject_id=row.subject_id,
            subject_title=row.subject_title,
        ),
        state=DeliveryState(row.state),
        try_count=row.try_count,
        last_error=row.last_error,
        created_at=row.created_at,
        sent_at=row.sent_at,
    )

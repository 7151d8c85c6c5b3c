"""Queries of hands. A trigger on `hands` copies the raised hand of a participant to the participant's row."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import func, insert, select, tuple_, update

from proctorium_common.storage.database import Transaction
from proctorium_session.domain.hands import Hand, HandKind, HandState
from proctorium_session.storage.tables import hands


async def insert_hand(tx: Transaction, hand: Hand) -> None:
    """Insert a raised hand. The caller has locked the session's row."""
    await tx.execute(
        insert(hands).values(
            hand_id=hand.hand_id,
            session_id=hand.session_id,
            participant_id=hand.participant_id,
            kind=hand.kind.value,
            state=hand.state.value,
            raised_at=hand.raised_at,
        )
    )


async def update_hand(tx: Transaction, hand: Hand) -> None:
    """Store the state of a hand that was answered or lowered. The caller has locked the session's row."""
    await tx.execute(
        update(hands)
        .where(hands.c.hand_id == hand.hand_id)
        .values(state=hand.state.value, closed_at=hand.closed_at)
    )


async def lower_hands(
    tx: Transaction, participant_ids: Collection[UUID], closed_at: datetime
) -> Sequence[Hand]:
    """Lower the raised hands of participants, and return the lowered hands, in the order in which they were raised."""
    statement = (
        update(hands)
        .where(hands.c.participant_id.in_(participant_ids), hands.c.state == HandState.RAISED.value)
        .values(state=HandState.LOWERED.value, closed_at=closed_at)
        .returning(hands)
    )
    lowered = [_hand(row) for row in await tx.execute(statement)]
    return sorted(lowered, key=lambda each: (each.raised_at, each.hand_id))


async def get_hand(tx: Transaction, hand_id: UUID) -> Hand | None:
    """Return the hand, or None if it does not exist."""
    row = (await tx.execute(select(hands).where(hands.c.hand_id == hand_id))).first()
    return _hand(row) if row else None


async def list_raise_times(tx: Transaction, participant_id: UUID, limit: int) -> Sequence[datetime]:
    """Return the times of the participant's newest hands, newest first."""
    statement = (
        select(hands.c.raised_at)
        .where(hands.c.participant_id == participant_id)
        .order_by(hands.c.raised_at.desc())
        .limit(limit)
    )
    return (await tx.execute(statement)).scalars().all()


async def count_hands(tx: Transaction, session_id: UUID) -> Mapping[UUID, int]:
    """Return how often each participant of a session raised a hand. The result omits participants who never did."""
    statement = (
        select(hands.c.participant_id, func.count().label("hand_count"))
        .where(hands.c.session_id == session_id)
        .group_by(hands.c.participant_id)
    )
    return {row.participant_id: row.hand_count for row in await tx.execute(statement)}


async def list_raised(
    tx: Transaction, session_id: UUID, *, after: tuple[datetime, UUID] | None, limit: int
) -> Sequence[Hand]:
    """Return at most `limit` raised hands of a session, in the order in which they were raised.

    If `after` is not None, the list starts after the hand with this time and id.
    """
    statement = (
        select(hands)
        .where(hands.c.session_id == session_id, hands.c.state == HandState.RAISED.value)
        .order_by(hands.c.raised_at, hands.c.hand_id)
        .limit(limit)
    )
    if after is not None:
        statement = statement.where(tuple_(hands.c.raised_at, hands.c.hand_id) > tuple_(*after))
    return [_hand(row) for row in await tx.execute(statement)]


def _hand(row: Any) -> Hand:
    return Hand(
        hand_id=row.hand_id,
        session_id=row.session_id,
        participant_id=row.participant_id,
        kind=HandKind(row.kind),
        state=HandState(row.state),
        raised_at=row.raised_at,
        closed_at=row.closed_at,
    )

"""The inbox: what a consumer has handled, written in the transaction of the effect. This is the guard against doubles."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy.dialects.postgresql import insert

from proctorium_common.storage.database import Transaction
from proctorium_common.storage.tables import inbox


async def claim(transaction: Transaction, consumer: str, event_id: UUID) -> bool:
    """Whether `consumer` has not handled the event yet; from here on it has, if this transaction commits.

    Waits for another transaction that claims the same, and answers by how that one ended.
    """
    mark = insert(inbox).values(consumer=consumer, event_id=event_id, handled_at=transaction.now)
    result = await transaction.execute(mark.on_conflict_do_nothing().returning(inbox.c.event_id))
    return result.first() is not None

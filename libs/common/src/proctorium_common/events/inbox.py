"""The inbox: what a consumer has handled, written in the transaction of the effect. This is the guard against doubles."""

from __future__ import annotations

from uuid import UUID

from sqlalchemy import DateTime, Text, Uuid, bindparam, text

from proctorium_common.storage.database import Transaction

_CLAIM = text("""
    INSERT INTO inbox (consumer, event_id, handled_at) VALUES (:consumer, :event_id, :handled_at)
    ON CONFLICT DO NOTHING RETURNING event_id
""").bindparams(
    bindparam("consumer", type_=Text),
    bindparam("event_id", type_=Uuid),
    bindparam("handled_at", type_=DateTime(timezone=True)),
)


async def claim(transaction: Transaction, consumer: str, event_id: UUID) -> bool:
    """Whether `consumer` has not handled the event yet; from here on it has, if this transaction commits.

    Waits for another transaction that claims the same, and answers by how that one ended.
    """
    claim = {"consumer": consumer, "event_id": event_id, "handled_at": transaction.now}
    result = await transaction.execute(_CLAIM, claim)
    return result.first() is not None

"""The inbox, which contains the ids of the events that a consumer has handled.

The id of an event is written in the transaction of the handler, so that a redelivered event is not handled twice.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from proctorium_common.storage.database import Transaction

# All transactions insert the ids in the same order, so that two transactions cannot deadlock.
_CLAIM = """
    INSERT INTO inbox (consumer, event_id, handled_at)
    SELECT $1, event_id, $3 FROM unnest($2::uuid[]) AS event (event_id) ORDER BY event_id
    ON CONFLICT DO NOTHING RETURNING event_id
"""


async def claim(transaction: Transaction, consumer: str, event_ids: Collection[UUID]) -> set[UUID]:
    """Record the events as handled by `consumer`, and return the ids of the events that were not recorded before.

    If another open transaction has recorded one of the events, waits until that transaction commits or rolls back.
    """
    rows = await transaction.fetch(_CLAIM, consumer, list(event_ids), transaction.now)
    return {row["event_id"] for row in rows}

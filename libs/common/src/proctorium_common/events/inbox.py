"""The inbox: the events that a consumer has handled, written in the transaction of the effect.

It is what keeps a repeated delivery from having its effect twice.
"""

from __future__ import annotations

from collections.abc import Collection
from uuid import UUID

from proctorium_common.storage.database import Transaction

# One order for all, so that two transactions never wait for each other.
_CLAIM = """
    INSERT INTO inbox (consumer, event_id, handled_at)
    SELECT $1, event_id, $3 FROM unnest($2::uuid[]) AS event (event_id) ORDER BY event_id
    ON CONFLICT DO NOTHING RETURNING event_id
"""


async def claim(transaction: Transaction, consumer: str, event_ids: Collection[UUID]) -> set[UUID]:
    """Return the events that `consumer` has not handled yet; they count as handled if this transaction commits.

    Waits for another transaction that claims the same events; the result depends on how that one ended.
    """
    rows = await transaction.fetch(_CLAIM, consumer, list(event_ids), transaction.now)
    return {row["event_id"] for row in rows}

"""Publish stored events again, for example after the broker has lost its streams, or after a consumer was added.

A consumer ignores the events that it has already handled, because their ids are in its inbox.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select

from proctorium_common.errors import unavailable
from proctorium_common.events.broker import Broker
from proctorium_common.events.envelope import MESSAGE_ID, REPLAYED
from proctorium_common.events.publishing import OutboxRow, original_headers, publish
from proctorium_common.ids import new_id
from proctorium_common.storage.database import Database
from proctorium_common.storage.tables import outbox

_BATCH_SIZE = 500


async def replay(
    database: Database,
    broker: Broker,
    since: datetime,
    *,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Publish again all published events that occurred at or after `since`, and return the number of these events.

    The events of each aggregate are published in order. Unpublished events are skipped, because the relay publishes
    them. After each batch, `progress` is called with the number of events that were published again so far. Raises
    ServiceError DEPENDENCY_UNAVAILABLE if the broker refuses an event. It is safe to run the replay again.
    """
    # The messages get new ids. With the original ids, the broker would drop the messages of recent events as
    # duplicates, even after it has lost the stream.
    replay_id = new_id()

    def replay_headers(row: OutboxRow) -> dict[str, str]:
        return {
            **original_headers(row),
            MESSAGE_ID: f"{row.event_id}/{replay_id}",
            REPLAYED: "true",
        }

    after, sent = 0, 0
    while rows := await _published(database, since, after):
        client = await broker.connected()
        result = await publish(client.jetstream(), rows, headers=replay_headers)
        sent += len(result.published)
        progress(sent)
        if result.failures:
            failure = result.failures[0]
            raise unavailable(
                "DEPENDENCY_UNAVAILABLE",
                f"The broker refused {failure.row.subject}: {failure.error}. {sent} events were sent.",
            ) from failure.error
        after = rows[-1].position
    return sent


async def _published(database: Database, since: datetime, after: int) -> list[OutboxRow]:
    async with database.transaction() as transaction:
        found = await transaction.execute(
            select(outbox)
            .where(
                outbox.c.position > after,
                outbox.c.occurred_at >= since,
                outbox.c.published_at.is_not(None),
            )
            .order_by(outbox.c.position)
            .limit(_BATCH_SIZE)
        )
        return [
            OutboxRow(
                position=row.position,
                event_id=str(row.event_id),
                aggregate=row.aggregate,
                aggregate_id=row.aggregate_id,
                subject=row.subject,
                headers=row.headers,
                body=row.body,
            )
            for row in found
        ]

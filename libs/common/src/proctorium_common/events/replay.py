"""Publishes stored events again, after a broker lost its streams or a consumer was added; inboxes ignore repeats."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import select

from proctorium_common.errors import unavailable
from proctorium_common.events.broker import Broker
from proctorium_common.events.envelope import MESSAGE_ID, REPLAYED
from proctorium_common.events.publishing import OutboxRow, first_time, publish
from proctorium_common.ids import new_id
from proctorium_common.storage.database import Database
from proctorium_common.storage.tables import outbox

_AT_ONCE = 500


async def replay(
    database: Database,
    broker: Broker,
    since: datetime,
    *,
    progress: Callable[[int], None] = lambda _: None,
) -> int:
    """Publish every published event that occurred at or after `since` again, in order, and return how many.

    Raises ServiceError DEPENDENCY_UNAVAILABLE when an event is not taken; running it again is harmless. What is not
    published yet is the relay's. `progress` receives the number so far.
    """
    # The broker's window would drop what it has seen lately, even if it has lost it since: so the message ids are new.
    turn = new_id()

    def again(row: OutboxRow) -> dict[str, str]:
        return {**first_time(row), MESSAGE_ID: f"{row.event_id}/{turn}", REPLAYED: "true"}

    after, sent = 0, 0
    while rows := await _published(database, since, after):
        client = await broker.connected()
        outcome = await publish(client.jetstream(), rows, headers=again)
        sent += len(outcome.published)
        progress(sent)
        if outcome.failures:
            failure = outcome.failures[0]
            raise unavailable(
                "DEPENDENCY_UNAVAILABLE",
                f"The broker did not take {failure.row.subject}: {failure.error}. {sent} were sent.",
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
            .limit(_AT_ONCE)
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

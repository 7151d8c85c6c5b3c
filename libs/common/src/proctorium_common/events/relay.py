"""The relay: takes events from the outbox to the broker, in order per aggregate, and marks what the broker has.

One relay of a database is active, by an advisory lock; the others stand by. If it dies between publishing and marking,
its successor publishes again: the broker's window drops most doubles, the subscribers' inboxes all.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg

from proctorium_common.events.broker import Broker, Reminder
from proctorium_common.events.outbox import CHANNEL
from proctorium_common.events.publishing import Failure, OutboxRow, Outcome, publish
from proctorium_common.storage.database import Database
from proctorium_common.storage.listen import Listener, Notices
from proctorium_common.storage.transient import CONNECTION_ERRORS
from proctorium_common.telemetry.logs import get_logger

_log = get_logger()

_LOCK_KEY = 0x70726F6372656C79  # "procrely"
_FIRST_RETRY, _LAST_RETRY = 0.1, 5.0

_UNPUBLISHED = """
    SELECT position, event_id, aggregate, aggregate_id, subject, headers, body
    FROM outbox WHERE published_at IS NULL ORDER BY position LIMIT $1
"""
_TRY_LOCK = "SELECT pg_try_advisory_lock($1)"
_MARK = "UPDATE outbox SET published_at = now() WHERE position = ANY($1::bigint[])"


class Relay:
    """Runs beside a service's other work; `run` until it is cancelled."""

    def __init__(
        self,
        database: Database,
        broker: Broker,
        listener: Listener,
        *,
        batch: int = 500,
        poll: timedelta = timedelta(seconds=2),
        standby: timedelta = timedelta(seconds=1),
    ) -> None:
        """Read `batch` rows at a time; look every `poll` though nothing woke it, and every `standby` for the lock."""
        self._database = database
        self._broker = broker
        self._listener = listener
        self._batch = batch
        self._poll = poll.total_seconds()
        self._standby = standby.total_seconds()
        self._reminder = Reminder()
        self.is_active = False

    async def run(self) -> None:
        """Relay while this is the active relay, until cancelled. Nothing is lost at any point of a cancellation."""
        retry = _FIRST_RETRY
        while True:
            try:
                async with self._leading() as connection:
                    retry = _FIRST_RETRY
                    async with self._listener.subscribe(CHANNEL) as notices:
                        await self._relay(connection, notices)
            except CONNECTION_ERRORS as error:
                _log.warning("relay_database_lost", error=repr(error), retry_seconds=retry)
                await asyncio.sleep(retry)
                retry = min(2 * retry, _LAST_RETRY)

    @asynccontextmanager
    async def _leading(self) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        """Yield the connection that holds the lock, which reads and marks use: a relay without it marks nothing."""
        connection = await self._database.connect()
        try:
            # Asked again and again: waiting inside the database would keep a snapshot, and with it all dead rows;
            # and the lock is another process's, so there is nothing here to wait for.
            while not await connection.fetchval(_TRY_LOCK, _LOCK_KEY):  # noqa: ASYNC110 - see above
                await asyncio.sleep(self._standby)
            self.is_active = True
            _log.info("relay_active")
            yield connection
        finally:
            self.is_active = False
            connection.terminate()

    async def _relay(
        self, connection: asyncpg.Connection[asyncpg.Record], notices: Notices
    ) -> None:
        retry = _FIRST_RETRY
        while True:
            rows = await self._unpublished(connection)
            outcome = await self._publish(rows)
            if outcome.published:
                await self.mark(connection, outcome.published)
            if outcome.failures:
                self._say(outcome.failures)
                if outcome.published:
                    # One aggregate's trouble is not to delay what the others will have to tell.
                    await notices.wait(retry)
                else:
                    await asyncio.sleep(retry)
                retry = min(2 * retry, _LAST_RETRY)
                continue
            retry = _FIRST_RETRY
            self._reminder.reset()
            if len(rows) < self._batch:
                await notices.wait(self._poll)

    async def _unpublished(self, connection: asyncpg.Connection[asyncpg.Record]) -> list[OutboxRow]:
        return [row_of(found) for found in await connection.fetch(_UNPUBLISHED, self._batch)]

    async def _publish(self, rows: Sequence[OutboxRow]) -> Outcome:
        if not rows:
            return Outcome((), ())
        client = await self._broker.connected()
        return await publish(client.jetstream(), rows)

    async def mark(
        self, connection: asyncpg.Connection[asyncpg.Record], positions: Sequence[int]
    ) -> None:
        """Mark the rows at `positions` as published."""
        await connection.execute(_MARK, list(positions))

    def _say(self, failures: Sequence[Failure]) -> None:
        if not self._reminder.due():
            return
        first = failures[0]
        if first.stream_is_missing:
            _log.error("stream_missing", subject=first.row.subject, waiting=len(failures))
        else:
            _log.warning(
                "publish_failed",
                event_id=first.row.event_id,
                subject=first.row.subject,
                error=repr(first.error),
                waiting=len(failures),
            )


def row_of(found: asyncpg.Record) -> OutboxRow:
    """Return the row as `publish` takes it."""
    return OutboxRow(
        position=found["position"],
        event_id=str(found["event_id"]),
        aggregate=found["aggregate"],
        aggregate_id=found["aggregate_id"],
        subject=found["subject"],
        headers=json.loads(found["headers"]),
        body=found["body"],
    )

"""The relay, which publishes the events of the outbox to the broker, and marks these events as published.

The events of one aggregate are published in order. Each process with the role `relay` has a relay, and the relay that
holds an advisory lock of the database is active. The other relays stand by. If the active relay dies after it has
published an event and before it has marked the event, the next active relay publishes the event again. The broker drops
most of these duplicates. The subscribers ignore the other duplicates, because the event ids are in their inboxes.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import asyncpg

from proctorium_common.events.broker import Broker, LogLimiter
from proctorium_common.events.outbox import CHANNEL
from proctorium_common.events.publishing import OutboxRow, PublishFailure, PublishResult, publish
from proctorium_common.storage.database import Database
from proctorium_common.storage.listen import Listener, Notifications
from proctorium_common.storage.transient import CONNECTION_ERRORS
from proctorium_common.telemetry.logs import get_logger
from proctorium_common.telemetry.metrics import Metrics

_log = get_logger()

_LOCK_KEY = 0x70726F6372656C79  # "procrely"
_MIN_RETRY, _MAX_RETRY = 0.1, 5.0

_UNPUBLISHED = """
    SELECT position, event_id, aggregate, aggregate_id, subject, headers, body
    FROM outbox WHERE published_at IS NULL ORDER BY position LIMIT $1
"""
_TRY_LOCK = "SELECT pg_try_advisory_lock($1)"
_MARK_PUBLISHED = """
    UPDATE outbox SET published_at = now() WHERE position = ANY($1::bigint[])
    RETURNING extract(epoch FROM now() - occurred_at)::float8 AS delay
"""


class Relay:
    """Publishes the outbox of one database while `run` is running."""

    def __init__(
        self,
        database: Database,
        broker: Broker,
        listener: Listener,
        *,
        batch_size: int = 500,
        poll_interval: timedelta = timedelta(seconds=2),
        lock_poll_interval: timedelta = timedelta(seconds=1),
        metrics: Metrics | None = None,
    ) -> None:
        """Create a relay that reads `batch_size` rows at a time.

        The active relay reads the outbox on each notification and every `poll_interval`. A standby relay tries to take
        the lock every `lock_poll_interval`.
        """
        self._database = database
        self._broker = broker
        self._listener = listener
        self._batch_size = batch_size
        self._poll_seconds = poll_interval.total_seconds()
        self._lock_poll_seconds = lock_poll_interval.total_seconds()
        self._log_limiter = LogLimiter()
        self._metrics = metrics or Metrics("unnamed")
        self.is_active = False

    async def run(self) -> None:
        """Publish events while this relay holds the lock, until cancelled. No event is lost by a cancellation."""
        retry = _MIN_RETRY
        while True:
            try:
                async with self._locked() as connection:
                    retry = _MIN_RETRY
                    async with self._listener.subscribe(CHANNEL) as notices:
                        await self._relay(connection, notices)
            except CONNECTION_ERRORS as error:
                _log.warning("relay_database_lost", error=repr(error), retry_seconds=retry)
                await asyncio.sleep(retry)
                retry = min(2 * retry, _MAX_RETRY)

    @asynccontextmanager
    async def _locked(self) -> AsyncIterator[asyncpg.Connection[asyncpg.Record]]:
        """Wait for the lock, and yield the connection that holds it.

        All reads and updates use this connection. A relay that loses the connection also loses the lock, so it can no
        longer mark rows.
        """
        connection = await self._database.connect()
        try:
            # Poll for the lock. A statement that waits for the lock would hold a snapshot, and VACUUM could then not
            # remove dead rows.
            while not await connection.fetchval(_TRY_LOCK, _LOCK_KEY):  # noqa: ASYNC110 - the lock is in another process
                await asyncio.sleep(self._lock_poll_seconds)
            self.is_active = True
            _log.info("relay_active")
            yield connection
        finally:
            self.is_active = False
            connection.terminate()

    async def _relay(
        self, connection: asyncpg.Connection[asyncpg.Record], notices: Notifications
    ) -> None:
        retry = _MIN_RETRY
        while True:
            rows = await self._unpublished(connection)
            result = await self._publish(rows)
            if result.published:
                await self.mark(connection, result.published)
            if result.failures:
                self._log_failures(result.failures)
                if result.published:
                    # The broker is reachable, because it has accepted events of other aggregates. Therefore, end the
                    # pause as soon as a new event is recorded.
                    await notices.wait(retry)
                else:
                    await asyncio.sleep(retry)
                retry = min(2 * retry, _MAX_RETRY)
                continue
            retry = _MIN_RETRY
            self._log_limiter.reset()
            if len(rows) < self._batch_size:
                await notices.wait(self._poll_seconds)

    async def _unpublished(self, connection: asyncpg.Connection[asyncpg.Record]) -> list[OutboxRow]:
        return [row_of(record) for record in await connection.fetch(_UNPUBLISHED, self._batch_size)]

    async def _publish(self, rows: Sequence[OutboxRow]) -> PublishResult:
        if not rows:
            return PublishResult((), ())
        client = await self._broker.connected()
        return await publish(client.jetstream(), rows)

    async def mark(
        self, connection: asyncpg.Connection[asyncpg.Record], positions: Sequence[int]
    ) -> None:
        """Mark the rows at `positions` as published."""
        for marked in await connection.fetch(_MARK_PUBLISHED, list(positions)):
            self._metrics.record_published(marked["delay"])

    def _log_failures(self, failures: Sequence[PublishFailure]) -> None:
        if not self._log_limiter.should_log():
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


def row_of(record: asyncpg.Record) -> OutboxRow:
    """Convert a database record to an `OutboxRow`."""
    return OutboxRow(
        position=record["position"],
        event_id=str(record["event_id"]),
        aggregate=record["aggregate"],
        aggregate_id=record["aggregate_id"],
        subject=record["subject"],
        headers=json.loads(record["headers"]),
        body=record["body"],
    )

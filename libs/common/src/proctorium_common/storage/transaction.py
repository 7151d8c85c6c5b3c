"""A database transaction: its statements, and the events and notifications that are sent if it commits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any, TypeVarTuple, overload
from uuid import UUID

import asyncpg
from google.protobuf.message import Message
from opentelemetry.trace import SpanContext
from sqlalchemy import CursorResult, Executable
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.sql.selectable import TypedReturnsRows

from proctorium_common.events import outbox
from proctorium_common.events.envelope import Envelope, wrap
from proctorium_common.ids import new_id
from proctorium_common.storage import spans
from proctorium_common.storage.transient import unavailable_on_transient_errors

Ts = TypeVarTuple("Ts")
Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]]

_NOTIFY = """
    SELECT pg_notify(channel, payload) FROM unnest($1::text[], $2::text[]) AS notice (channel, payload)
"""

_PAYLOAD_LIMIT = 7999
"""The most bytes that PostgreSQL accepts in a notification."""


class Transaction:
    """An open transaction. Its events and notifications are sent if it commits, and only then."""

    def __init__(self, connection: AsyncConnection, now: datetime) -> None:
        self.connection = connection
        self.now = now
        self._driver = driver_of(connection)
        self._events: list[Envelope] = []
        self._notifications: list[tuple[str, str]] = []

    @overload
    async def execute(
        self, statement: TypedReturnsRows[*Ts], parameters: Parameters | None = None
    ) -> CursorResult[*Ts]: ...

    @overload
    async def execute(
        self, statement: Executable, parameters: Parameters | None = None
    ) -> CursorResult[*tuple[Any, ...]]: ...

    async def execute(
        self, statement: Executable, parameters: Parameters | None = None
    ) -> CursorResult[*tuple[Any, ...]]:
        """Run a statement, once for each row of parameters, and return the buffered result."""
        with spans.statement(statement), unavailable_on_transient_errors():
            return await self.connection.execute(statement, parameters)

    async def fetch(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """Run a constant SQL statement with `$1`-style arguments and return its rows.

        For hot paths: the driver prepares the statement once per connection, and no SQL is built per call. Arguments,
        rows and errors are asyncpg's (UUID, datetime, bytes; JSON as text).
        """
        with spans.statement(sql), unavailable_on_transient_errors():
            return await self._driver.fetch(sql, *arguments)

    def record(self, event: Message, *, trace_context: SpanContext | None = None) -> UUID:
        """Insert `event` into the outbox with this transaction, and return its id.

        The event gets `trace_context` or, by default, the current one; a batch passes the context of each item. Lock
        the aggregate's row first, so that the events of one aggregate are in order.
        """
        event_id = new_id()
        self._events.append(wrap(event, event_id, self.now, trace_context))
        return event_id

    def notify(self, channel: str, payload: str) -> None:
        """Send a NOTIFY at commit. Raises ValueError for a payload that is too long for PostgreSQL."""
        if len(payload.encode()) > _PAYLOAD_LIMIT:
            raise ValueError(f"a notification on {channel} is longer than {_PAYLOAD_LIMIT} bytes")
        self._notifications.append((channel, payload))

    async def flush(self) -> None:
        """Write the events and notifications in one statement; `Database.transaction` calls this before the commit."""
        if not self._events and not self._notifications:
            return
        notifications = (
            [channel for channel, _ in self._notifications],
            [text for _, text in self._notifications],
        )
        if self._events:
            await self.fetch(
                outbox.INSERT_AND_NOTIFY, *outbox.columns(self._events), *notifications
            )
        else:
            await self.fetch(_NOTIFY, *notifications)
        self._events.clear()
        self._notifications.clear()


def driver_of(connection: AsyncConnection) -> asyncpg.Connection[asyncpg.Record]:
    """Return the asyncpg connection of a connection that is checked out of the pool."""
    assert connection.sync_connection is not None, "the connection is checked out"
    driver = connection.sync_connection.connection.driver_connection
    assert isinstance(driver, asyncpg.Connection)
    return driver

"""A database transaction: its statements, and the events and notifications that are sent when it commits."""

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
"""The maximum number of bytes that PostgreSQL accepts in a notification."""


class Transaction:
    """An open transaction. Its events and notifications are sent only if it commits."""

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
        """Run a statement once, or once for each mapping in a sequence of parameters; return the buffered result."""
        with spans.statement(statement), unavailable_on_transient_errors():
            return await self.connection.execute(statement, parameters)

    async def fetch(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """Run a constant SQL statement with `$1`-style arguments and return its rows.

        Use this method where speed matters, because the driver prepares the statement only once per connection, and no
        SQL is built for a call. Arguments, rows and errors are those of asyncpg: for example UUID, datetime and bytes,
        and text for JSON.
        """
        with spans.statement(sql), unavailable_on_transient_errors():
            return await self._driver.fetch(sql, *arguments)

    def record(self, event: Message, *, trace_context: SpanContext | None = None) -> UUID:
        """Insert `event` into the outbox when this transaction commits, and return the id of the event.

        The event gets `trace_context` or, by default, the current trace context. A batch passes the trace context of
        each item. Before the call, lock the row of the aggregate, so that the events of one aggregate are in order.
        """
        event_id = new_id()
        self._events.append(wrap(event, event_id, self.now, trace_context))
        return event_id

    def notify(self, channel: str, payload: str) -> None:
        """Send a NOTIFY when the transaction commits. Raises ValueError if `payload` is too long for PostgreSQL."""
        if len(payload.encode()) > _PAYLOAD_LIMIT:
            raise ValueError(f"a notification on {channel} is longer than {_PAYLOAD_LIMIT} bytes")
        self._notifications.append((channel, payload))

    async def flush(self) -> None:
        """Write the events and notifications in one statement.

        `Database.transaction` calls this method before the commit.
        """
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
    """Return the asyncpg connection of `connection`, which must be checked out of the pool."""
    assert connection.sync_connection is not None, "the connection is checked out"
    driver = connection.sync_connection.connection.driver_connection
    assert isinstance(driver, asyncpg.Connection)
    return driver

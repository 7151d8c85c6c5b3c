"""A database transaction, which runs statements, records events and sends notifications."""

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
"""The maximum number of bytes in the payload of a PostgreSQL notification."""


class Transaction:
    """An open transaction. Its events are recorded and its notifications are sent only if the transaction commits."""

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
        """Run a statement, and return the buffered result.

        If `parameters` is a sequence of mappings, the statement runs once for each mapping.
        """
        with spans.statement(statement), unavailable_on_transient_errors():
            return await self.connection.execute(statement, parameters)

    async def fetch(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """Run a constant SQL statement with `$1`-style arguments and return its rows.

        Use this method where speed matters, because the driver prepares the statement only once per connection, and no
        SQL is built for each call. The arguments and the values in rows have asyncpg's types, such as UUID,
        datetime and bytes. The type of JSON values is str. Errors that are not transient are raised as asyncpg's
        exceptions.
        """
        with spans.statement(sql), unavailable_on_transient_errors():
            return await self._driver.fetch(sql, *arguments)

    def record(self, event: Message, *, trace_context: SpanContext | None = None) -> UUID:
        """Insert `event` into the outbox when this transaction commits, and return the id of the event.

        The event gets `trace_context` or, by default, the current trace context. Code that handles a batch has to pass
        the trace context of the item that causes the event. Lock the row of the aggregate before this call, so that the
        events of one aggregate are in order.
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
        """Insert the events into the outbox and send the notifications, in one statement.

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

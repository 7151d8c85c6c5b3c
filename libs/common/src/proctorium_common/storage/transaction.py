"""One transaction: statements, and the events and notifications that become visible with its commit."""

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
from proctorium_common.events.envelope import Sealed, seal
from proctorium_common.ids import new_id
from proctorium_common.storage import spans
from proctorium_common.storage.transient import said_as_unavailable

Ts = TypeVarTuple("Ts")
Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]]

_NOTIFY = """
    SELECT pg_notify(channel, payload) FROM unnest($1::text[], $2::text[]) AS notice (channel, payload)
"""

_PAYLOAD_LIMIT = 7999
"""Bytes that PostgreSQL takes in one notice."""


class Transaction:
    """One open transaction. What is recorded and notified becomes visible with the commit, or not at all."""

    def __init__(self, connection: AsyncConnection, now: datetime) -> None:
        self.connection = connection
        self.now = now
        self._driver = driver_of(connection)
        self._events: list[Sealed] = []
        self._notices: list[tuple[str, str]] = []

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
        """Run one statement; several rows of parameters are one batch. Answers the buffered result."""
        with spans.statement(statement), said_as_unavailable():
            return await self.connection.execute(statement, parameters)

    async def fetch(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """Run a constant SQL text with `$1`-style arguments and return its rows.

        For statements on hot paths: the driver prepares a text once per connection, and nothing is built per call.
        Takes and returns what asyncpg does (UUID, datetime, bytes; JSON as text), and raises asyncpg's errors.
        """
        with spans.statement(sql), said_as_unavailable():
            return await self._driver.fetch(sql, *arguments)

    def record(self, event: Message, *, place: SpanContext | None = None) -> UUID:
        """Put `event` into the outbox of this transaction and return its id.

        Its place in a trace is `place`, else the current one: group commit passes each item's own.
        Lock the aggregate's row first: that is what puts the events of one aggregate in order.
        """
        event_id = new_id()
        self._events.append(seal(event, event_id, self.now, place))
        return event_id

    def notify(self, channel: str, payload: str) -> None:
        """NOTIFY at commit. Raises ValueError for a payload that PostgreSQL would refuse."""
        if len(payload.encode()) > _PAYLOAD_LIMIT:
            raise ValueError(f"a notice on {channel} is longer than {_PAYLOAD_LIMIT} bytes")
        self._notices.append((channel, payload))

    async def flush(self) -> None:
        """Write what was recorded and notified, in one statement; `Database.transaction` calls it before the commit."""
        if not self._events and not self._notices:
            return
        notices = [channel for channel, _ in self._notices], [text for _, text in self._notices]
        if self._events:
            await self.fetch(outbox.INSERT_AND_NOTIFY, *outbox.columns(self._events), *notices)
        else:
            await self.fetch(_NOTIFY, *notices)
        self._events.clear()
        self._notices.clear()


def driver_of(connection: AsyncConnection) -> asyncpg.Connection[asyncpg.Record]:
    """Return the driver's connection of a connection that is checked out."""
    assert connection.sync_connection is not None, "the connection is checked out"
    driver = connection.sync_connection.connection.driver_connection
    assert isinstance(driver, asyncpg.Connection)
    return driver

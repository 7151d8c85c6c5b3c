"""A service's database: transactions that commit as a whole, together with the events they record."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, TypeVar, TypeVarTuple, overload
from uuid import UUID

import asyncpg
from google.protobuf.message import Message
from opentelemetry.trace import SpanContext
from sqlalchemy import ARRAY, CursorResult, Executable, Text, bindparam, make_url, text
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection
from sqlalchemy.sql.selectable import TypedReturnsRows

from proctorium_common.clock import Clock, utc_now
from proctorium_common.errors import ServiceError
from proctorium_common.events import outbox
from proctorium_common.events.envelope import Sealed, seal
from proctorium_common.ids import new_id
from proctorium_common.storage import idempotency, spans
from proctorium_common.storage.transient import CONNECTION_ERRORS, said_as_unavailable

M = TypeVar("M", bound=Message)
T = TypeVar("T")
Ts = TypeVarTuple("Ts")
Parameters = Mapping[str, Any] | Sequence[Mapping[str, Any]]

_NOTIFY = text(
    "SELECT pg_notify(channel, payload) FROM unnest(:channels, :payloads) AS notice (channel, payload)"
).bindparams(bindparam("channels", type_=ARRAY(Text)), bindparam("payloads", type_=ARRAY(Text)))

_BEGIN_REPEATABLE_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"

_PAYLOAD_LIMIT = 7999
"""Bytes that PostgreSQL takes in one notice."""


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """How long the database lets one session work or wait before it ends what the session does."""

    connect: timedelta = timedelta(seconds=5)
    statement: timedelta = timedelta(seconds=10)
    lock: timedelta = timedelta(seconds=5)
    idle_in_transaction: timedelta = timedelta(seconds=30)

    def as_settings(self) -> dict[str, str]:
        """PostgreSQL's names for them, in milliseconds."""
        return {
            "statement_timeout": _milliseconds(self.statement),
            "lock_timeout": _milliseconds(self.lock),
            "idle_in_transaction_session_timeout": _milliseconds(self.idle_in_transaction),
        }


class Transaction:
    """One transaction under way. What is recorded and notified becomes visible with the commit, or not at all."""

    def __init__(self, connection: AsyncConnection, now: datetime) -> None:
        self.connection = connection
        self.now = now
        self._driver = _driver_of(connection)
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
        """Runs one statement; several rows of parameters are one batch. Answers the buffered result."""
        with spans.statement(statement), said_as_unavailable():
            return await self.connection.execute(statement, parameters)

    async def fetch(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """Run a constant SQL text with `$1`-style arguments and return its rows.

        For statements on hot paths: the driver prepares a text once per connection, and nothing is built per call.
        Takes and returns what asyncpg does (UUID, datetime, bytes; JSON as text), and raises asyncpg's errors.
        """
        with spans.text(sql), said_as_unavailable():
            return await self._driver.fetch(sql, *arguments)

    def record(self, event: Message, *, place: SpanContext | None = None) -> UUID:
        """Puts `event` into the outbox of this transaction and answers its id.

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
        """Writes what was recorded and notified; `Database.transaction` calls it just before the commit."""
        if self._events:
            with spans.recorded("INSERT outbox"), said_as_unavailable():
                await outbox.write(self.connection, self._events)
            self._events.clear()
        if self._notices:
            channels, payloads = zip(*self._notices, strict=True)
            await self.execute(_NOTIFY, {"channels": list(channels), "payloads": list(payloads)})
            self._notices.clear()


class Database:
    """A pool of connections to one database.

    Whatever passes by itself (connection lost, deadlock, serialization, time limits, pool exhausted) is said as
    ServiceError UNAVAILABLE with the reason DATABASE_UNAVAILABLE.
    """

    def __init__(
        self,
        url: str,
        *,
        clock: Clock = utc_now,
        pool_size: int = 10,
        limits: TimeLimits | None = None,
        application: str = "proctorium",
    ) -> None:
        """`url` is `postgresql://…` in libpq's form (`?sslmode=…&host=/socket/folder` work). Connects when first used."""
        self.url = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._clock = clock
        self._limits = limits or TimeLimits()
        self._application = application
        self._engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=self.connect,
            # `transaction` begins and commits by the driver, so that `Transaction.fetch` can share the transaction.
            isolation_level="AUTOCOMMIT",
            pool_size=pool_size,
            max_overflow=0,
            # What people wrote does not belong in logs and dead letters.
            hide_parameters=True,
            pool_timeout=self._limits.connect.total_seconds(),
            pool_recycle=1800,
            pool_use_lifo=True,
        )
        sqlalchemy_event.listen(self._engine.sync_engine, "checkout", _refuse_closed)

    async def connect(self) -> asyncpg.Connection[asyncpg.Record]:
        """A connection outside of the pool, with the same limits, for whoever needs one of their own (LISTEN, locks)."""
        return await asyncpg.connect(
            self.url,
            timeout=self._limits.connect.total_seconds(),
            server_settings={
                **self._limits.as_settings(),
                "application_name": self._application,
                "jit": "off",
                # A peer that vanished without a word holds its locks no longer than this.
                "tcp_keepalives_idle": "10",
                "tcp_keepalives_interval": "5",
                "tcp_keepalives_count": "3",
            },
        )

    @asynccontextmanager
    async def transaction(self, *, repeatable_read: bool = False) -> AsyncIterator[Transaction]:
        """Commit when the block ends, roll back when it raises.

        With `repeatable_read`, the transaction reads the state of one moment and cannot write.
        """
        with spans.recorded("db.transaction"), said_as_unavailable(network=False):
            with said_as_unavailable():
                connection = await self._engine.connect()
            driver = _driver_of(connection)
            committed = False
            try:
                with said_as_unavailable():
                    await driver.execute(_BEGIN_REPEATABLE_READ if repeatable_read else "BEGIN")
                transaction = Transaction(connection, self._clock())
                yield transaction
                await transaction.flush()
                with said_as_unavailable():
                    await driver.execute("COMMIT")
                committed = True
            finally:
                # A second cancellation must not leave the connection outside of the pool.
                await asyncio.shield(_release(connection, driver, rollback=not committed))

    async def once(
        self, request: Message, run: Callable[[Transaction], Awaitable[M]], response: type[M]
    ) -> M:
        """Runs `run` in a transaction that also keeps the request's idempotency key and the answer.

        The key is (caller, method, `request.request_id`); the call is the current one. A repetition is given the stored
        answer; one that comes while the first is still at work waits for it. Without a request_id: a plain transaction.
        Raises REQUEST_ID_REUSED for a used request_id with another request. Whatever `run` raises undoes the key too.
        """
        key = idempotency.key_of(request)
        async with self.transaction() as transaction:
            if key is None:
                return await run(transaction)
            return await idempotency.answered_once(transaction, key, run, response)

    async def respond(
        self,
        responder: idempotency.Responder[T, M],
        run: Callable[[Transaction], Awaitable[T]],
    ) -> M:
        """Run `run` once for the responder's request, as `once`, and return the response made from its result."""

        async def respond(transaction: Transaction) -> M:
            return responder.make(await run(transaction))

        return await self.once(responder.request, respond, responder.response)

    async def once_each(
        self,
        asked: Sequence[tuple[idempotency.Key | None, T]],
        run: Callable[[Transaction, Sequence[T]], Awaitable[Sequence[M | ServiceError]]],
        response: type[M],
    ) -> list[M | ServiceError]:
        """As `once`, for a group that shares a transaction; the keys are made in the calls, by `idempotency.key_of`.

        `run` answers each item, or the refusal that it meets, and changes nothing for those that it refuses.
        """
        async with self.transaction() as transaction:
            return await idempotency.answered_each(transaction, asked, run, response)

    async def ping(self) -> None:
        """Raises ServiceError DATABASE_UNAVAILABLE when the database does not answer."""
        async with self.transaction():
            pass

    async def close(self) -> None:
        """Closes the pool; connections in use are closed when they come back."""
        await self._engine.dispose()


def _driver_of(connection: AsyncConnection) -> asyncpg.Connection[asyncpg.Record]:
    assert connection.sync_connection is not None, "the connection is checked out"
    driver = connection.sync_connection.connection.driver_connection
    assert isinstance(driver, asyncpg.Connection)
    return driver


async def _release(
    connection: AsyncConnection, driver: asyncpg.Connection[asyncpg.Record], *, rollback: bool
) -> None:
    """Return a connection to the pool, rolled back where it was not committed; close it where that fails."""
    try:
        if rollback:
            await driver.execute("ROLLBACK")
    except CONNECTION_ERRORS:
        await connection.invalidate()
    finally:
        await connection.close()


def _refuse_closed(
    connection: DBAPIConnection, _entry: ConnectionPoolEntry, _proxy: PoolProxiedConnection
) -> None:
    """Lets the pool replace connections that the driver knows to be closed: no round trip, unlike a ping."""
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _milliseconds(time: timedelta) -> str:
    return str(int(time / timedelta(milliseconds=1)))

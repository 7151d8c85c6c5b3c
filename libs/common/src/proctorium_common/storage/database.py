"""A service's database: a connection pool, and transactions that commit together with their events."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeVar

import asyncpg
from google.protobuf.message import Message
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import make_url
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, create_async_engine
from sqlalchemy.pool import ConnectionPoolEntry, PoolProxiedConnection, QueuePool

from proctorium_common.clock import Clock, utc_now
from proctorium_common.storage import idempotency, spans
from proctorium_common.storage.connections import Connections
from proctorium_common.storage.pooler import pooler_recognised, require_direct
from proctorium_common.storage.transaction import Transaction, driver_of
from proctorium_common.storage.transient import CONNECTION_ERRORS, unavailable_on_transient_errors

M = TypeVar("M", bound=Message)
T = TypeVar("T")

__all__ = ["Database", "PoolUse", "TimeLimits", "Transaction"]

_BEGIN_REPEATABLE_READ = "BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY"

_ROLLBACK_SECONDS = 2.0
_EXTRA_CONNECTIONS = 4
"""The number of connections for single statements.

A single statement takes a fraction of a millisecond, so more connections than this would be idle.
"""


@dataclass(frozen=True, slots=True)
class PoolUse:
    """The number of connections of a pool that are in use, the number of idle connections, and the limit."""

    name: str
    used: int
    idle: int
    limit: int


@dataclass(frozen=True, slots=True)
class TimeLimits:
    """The timeouts of connections, statements, locks and idle transactions."""

    connect: timedelta = timedelta(seconds=5)
    statement: timedelta = timedelta(seconds=10)
    lock: timedelta = timedelta(seconds=5)
    idle_in_transaction: timedelta = timedelta(seconds=30)

    def as_settings(self) -> dict[str, str]:
        """Return the timeouts as PostgreSQL settings, in milliseconds."""
        return {
            "statement_timeout": _milliseconds(self.statement),
            "lock_timeout": _milliseconds(self.lock),
            "idle_in_transaction_session_timeout": _milliseconds(self.idle_in_transaction),
        }


class Database:
    """A pool of connections to one database.

    A transient failure (lost connection, deadlock, serialization failure, timeout, exhausted pool) is raised as
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
        """Prepare a pool of connections. A connection is opened when it is first needed.

        `url` is a libpq URL, such as `postgresql://…?sslmode=…&host=/socket/folder`.
        """
        self.url = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
        self._clock = clock
        self._limits = limits or TimeLimits()
        self._application = application
        self._engine = create_async_engine(
            "postgresql+asyncpg://",
            async_creator=self.connect,
            # With AUTOCOMMIT, SQLAlchemy starts no transactions. `transaction` sends BEGIN and COMMIT through the
            # driver. `Transaction.fetch` also uses the driver, and therefore runs in the same transaction.
            isolation_level="AUTOCOMMIT",
            pool_size=pool_size,
            max_overflow=0,
            # Errors must not contain the parameters of statements. Parameters contain personal data, and errors get
            # into logs and dead letters.
            hide_parameters=True,
            pool_timeout=self._limits.connect.total_seconds(),
            pool_recycle=1800,
            pool_use_lifo=True,
        )
        self._pool_size = pool_size
        self._extra = self.extra_connections(_EXTRA_CONNECTIONS)
        sqlalchemy_event.listen(self._engine.sync_engine, "checkout", _refuse_closed)

    async def connect(self) -> asyncpg.Connection[asyncpg.Record]:
        """Open a connection with the timeouts of this database, and return the connection.

        The pool uses this method. Other code uses this method to open connections outside of the pool, for LISTEN and
        advisory locks. Raises PoolerError.
        """
        with pooler_recognised():
            connection = await asyncpg.connect(
                self.url,
                timeout=self._limits.connect.total_seconds(),
                server_settings={
                    **self._limits.as_settings(),
                    "application_name": self._application,
                    "jit": "off",
                    # Keepalives enable PostgreSQL to detect that a client has disappeared. PostgreSQL then ends the
                    # session of this client, and releases its locks.
                    "tcp_keepalives_idle": "10",
                    "tcp_keepalives_interval": "5",
                    "tcp_keepalives_count": "3",
                },
            )
        try:
            async with asyncio.timeout(self._limits.connect.total_seconds()):
                await require_direct(connection)
        except BaseException:
            connection.terminate()
            raise
        return connection

    @asynccontextmanager
    async def transaction(self, *, repeatable_read: bool = False) -> AsyncIterator[Transaction]:
        """Run the block in a transaction. Commit at the end of the block, or roll back if the block raises.

        With `repeatable_read`, all statements of the transaction read the same snapshot, and the transaction is
        read-only.
        """
        with spans.recorded("db.transaction"), unavailable_on_transient_errors(network=False):
            with unavailable_on_transient_errors():
                connection = await self._engine.connect()
            driver = driver_of(connection)
            committed = False
            try:
                with unavailable_on_transient_errors():
                    await driver.execute(_BEGIN_REPEATABLE_READ if repeatable_read else "BEGIN")
                transaction = Transaction(connection, self._clock())
                yield transaction
                await transaction.flush()
                with unavailable_on_transient_errors():
                    await driver.execute("COMMIT")
                committed = True
            finally:
                # Shield the release, because a second cancellation must not prevent the connection from returning to
                # the pool.
                await asyncio.shield(_release(connection, driver, rollback=not committed))

    async def fetch(self, sql: str, *arguments: object) -> list[asyncpg.Record]:
        """Run one statement in its own transaction, and return its rows.

        The types of arguments and rows are those of `Transaction.fetch`. The statement runs on a connection outside of
        the pool, and takes one round trip instead of three.
        """
        with spans.statement(sql):
            async with self._extra.connected() as connection:
                return await connection.fetch(sql, *arguments)

    def extra_connections(self, limit: int) -> Connections:
        """Return a pool of up to `limit` additional connections for short statements.

        The caller has to close this pool.
        """
        return Connections(self.connect, limit, self._limits.connect)

    async def once(
        self, request: Message, run: Callable[[Transaction], Awaitable[M]], response: type[M]
    ) -> M:
        """Call `run` in a transaction that also stores the idempotency key and the response of `request`.

        The idempotency key consists of the caller and the method of the current call, and of `request.request_id`. For
        a request without request_id, no key is stored. For a repeated request, returns the stored response. If the
        first request is still running, a repeated request waits until the first request ends. If `run` raises, the key
        is not stored. Raises REQUEST_ID_REUSED if the request_id was used for another request.
        """
        key = idempotency.key_of(request)
        async with self.transaction() as transaction:
            if key is None:
                return await run(transaction)
            return await idempotency.run_once(transaction, key, run, response)

    async def respond(
        self,
        responder: idempotency.Responder[T, M],
        run: Callable[[Transaction], Awaitable[T]],
    ) -> M:
        """Call `run` in the same way as `once`, convert the result with `responder`, and return the response."""

        async def respond(transaction: Transaction) -> M:
            return responder.make(await run(transaction))

        return await self.once(responder.request, respond, responder.response)

    def pool_use(self) -> Sequence[PoolUse]:
        """Return the use of the pool of transactions, and of the pool of single statements."""
        pool = self._engine.pool
        assert isinstance(pool, QueuePool), "`create_async_engine` creates such a pool by default"
        return (
            PoolUse("transactions", pool.checkedout(), pool.checkedin(), self._pool_size),
            PoolUse("statements", self._extra.used, self._extra.idle, self._extra.limit),
        )

    async def ping(self) -> None:
        """Raise ServiceError DATABASE_UNAVAILABLE if the database does not respond."""
        async with self.transaction():
            pass

    async def close(self) -> None:
        """Close the pool. Connections in use are closed when they are returned to the pool."""
        await self._extra.close()
        await self._engine.dispose()


async def _release(
    connection: AsyncConnection, driver: asyncpg.Connection[asyncpg.Record], *, rollback: bool
) -> None:
    """Return a connection to the pool.

    With `rollback`, the transaction is rolled back first. If the rollback fails, the connection is discarded. If the
    server does not respond within `_ROLLBACK_SECONDS`, the connection is terminated, so that nobody waits for a server
    that hangs.
    """
    try:
        if rollback:
            async with asyncio.timeout(_ROLLBACK_SECONDS):
                await driver.execute("ROLLBACK")
    except CONNECTION_ERRORS:
        driver.terminate()
        await connection.invalidate()
    finally:
        await connection.close()


def _refuse_closed(
    connection: DBAPIConnection, _entry: ConnectionPoolEntry, _proxy: PoolProxiedConnection
) -> None:
    """Make the pool replace the connection if the driver reports that it is closed.

    Unlike a ping, this check needs no round trip.
    """
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _milliseconds(time: timedelta) -> str:
    return str(int(time / timedelta(milliseconds=1)))

"""Connections of the driver beside a database's pool."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import TYPE_CHECKING

from proctorium_common.storage.transient import unavailable_on_transient_errors

if TYPE_CHECKING:
    import asyncpg

    Connection = asyncpg.Connection[asyncpg.Record]


class Connections:
    """At most `limit` connections, opened when first needed: their users wait for nothing else that the service does.

    Taking one costs a thirtieth of what it costs to take one from SQLAlchemy's pool, which matters to statements that
    take as long as that themselves.
    """

    def __init__(
        self, connect: Callable[[], Awaitable[Connection]], limit: int, patience: timedelta
    ) -> None:
        self._connect = connect
        self._free = asyncio.Semaphore(limit)
        self._patience = patience.total_seconds()
        self._idle: list[Connection] = []

    @asynccontextmanager
    async def connected(self) -> AsyncIterator[Connection]:
        """Yield a connection, a new one if the last was lost. Raises DATABASE_UNAVAILABLE for transient failures.

        The block only talks to the database: an OSError in it is taken for the database's.
        """
        with unavailable_on_transient_errors():
            if self._free.locked():
                async with asyncio.timeout(self._patience):
                    await self._free.acquire()
            else:
                await self._free.acquire()
            try:
                connection = self._idle.pop() if self._idle else await self._connect()
                try:
                    yield connection
                finally:
                    if not connection.is_closed():
                        self._idle.append(connection)
            finally:
                self._free.release()

    async def close(self) -> None:
        """Close the idle connections; there are no others once the last user has gone."""
        while self._idle:
            await self._idle.pop().close()

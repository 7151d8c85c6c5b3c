"""An advisory lock that shows that a sender is alive. PostgreSQL releases the lock when the sender's connection ends.

Because of the lock, the deliveries of a killed sender can be claimed again within a second, before the leases end. The
leases are still needed, because a sender may lose the connection of its lock and continue to run. After another sender
has taken over the claims, the updates of the first sender change nothing.
"""

from __future__ import annotations

import asyncio
import secrets

import asyncpg
from sqlalchemy import text, update

from proctorium_common.errors import unavailable
from proctorium_common.storage.database import Database, Transaction
from proctorium_common.storage.transient import CONNECTION_ERRORS
from proctorium_notification.storage.tables import deliveries

_SENDER_IS_DEAD = text("""
    NOT EXISTS (
        SELECT 1 FROM pg_locks
        WHERE locktype = 'advisory' AND granted AND objsubid = 1
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND (classid::bigint << 32 | objid::bigint) = deliveries.sender_key
    )
""")


class SenderLock:
    """The advisory lock of one sender.

    If the connection is lost, the leases of this sender's claims are ended, as if the sender had been killed. The next
    call of `acquire` acquires the lock with a new key, which only new claims contain.
    """

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._key = 0
        self._connecting = asyncio.Lock()

    async def acquire(self) -> int:
        """Acquire the lock unless this sender already holds it, and return the key of the lock.

        The sender stores the key in its claims. Raises DATABASE_UNAVAILABLE.
        """
        async with self._connecting:
            if self._connection is None or self._connection.is_closed():
                await self._connect()
        return self._key

    async def _connect(self) -> None:
        key = secrets.randbits(62)
        try:
            connection = await self._database.connect()
            await connection.execute("SELECT pg_advisory_lock($1)", key)
        except CONNECTION_ERRORS as error:
            raise unavailable(
                "DATABASE_UNAVAILABLE", "The database does not respond now."
            ) from error
        self._connection, self._key = connection, key

    async def close(self) -> None:
        """Release the lock."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None


async def end_leases_of_dead_senders(tx: Transaction) -> None:
    """End the leases of all senders that do not hold their locks any more."""
    await tx.execute(
        update(deliveries)
        .where(deliveries.c.leased_until > tx.now, _SENDER_IS_DEAD)
        .values(leased_until=tx.now)
    )

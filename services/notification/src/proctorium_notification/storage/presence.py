"""Proof that a sender lives: a lock that PostgreSQL lets go of when the sender's connection ends, however it ends.

What a killed sender had claimed is free again within a second and not only when its lease is over. The lease stays the guard:
a sender that only lost its connection finds that its claims are no longer its own.
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

_ABANDONED = text("""
    NOT EXISTS (
        SELECT 1 FROM pg_locks
        WHERE locktype = 'advisory' AND granted AND objsubid = 1
            AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
            AND (classid::bigint << 32 | objid::bigint) = deliveries.sender_key
    )
""")


class Presence:
    """This sender's lock. A connection that was lost is replaced, with another key: claims under the old one are gone."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._connection: asyncpg.Connection[asyncpg.Record] | None = None
        self._key = 0
        self._connecting = asyncio.Lock()

    async def key(self) -> int:
        """What this sender's claims are marked with; its lock is held now. Raises DATABASE_UNAVAILABLE."""
        async with self._connecting:
            if self._connection is None or self._connection.is_closed():
                await self._connect()
        return self._key

    async def _connect(self) -> None:
        key = secrets.randbits(62)
        try:
            connection = await self._database.connect()
            await connection.execute("SELECT pg_advisory_lock($1)", key)
        except CONNECTION_ERRORS as failure:
            raise unavailable(
                "DATABASE_UNAVAILABLE", "The database does not answer now."
            ) from failure
        self._connection, self._key = connection, key

    async def close(self) -> None:
        """Lets go."""
        if self._connection is not None:
            await self._connection.close()
            self._connection = None


async def end_abandoned_leases(tx: Transaction) -> None:
    """Ends the leases of senders that are gone."""
    await tx.execute(
        update(deliveries)
        .where(deliveries.c.leased_until > tx.now, _ABANDONED)
        .values(leased_until=tx.now)
    )

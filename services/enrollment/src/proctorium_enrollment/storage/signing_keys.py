"""Signing keys of access tokens in the database.

The seeds of the keys are encrypted with a key that is derived from the master key.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import func, select, update
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.security.keys import PublicKey, SigningKey
from proctorium_common.storage.database import Transaction
from proctorium_common.storage.tables import signing_keys as table

_LOCK_KEY = 0x7369676E6B657973  # "signkeys"


@dataclass(frozen=True, slots=True)
class StoredKey:
    """A signing key. `retires_at` is None until the key is replaced by a newer key."""

    key_id: str
    encrypted_seed: bytes
    created_at: datetime
    retires_at: datetime | None


async def lock_keys(tx: Transaction) -> None:
    """Acquire a lock until the transaction ends, so that no other transaction creates keys."""
    await tx.execute(select(func.pg_advisory_xact_lock(_LOCK_KEY)))


async def list_public_keys(tx: Transaction) -> Sequence[PublicKey]:
    """Return all public keys, oldest first."""
    rows = await tx.execute(
        select(table.c.key_id, table.c.public_key, table.c.retires_at).order_by(table.c.created_at)
    )
    return [PublicKey(row.key_id, row.public_key, row.retires_at) for row in rows]


async def list_keys(tx: Transaction) -> Sequence[StoredKey]:
    """Return all keys with their encrypted seeds, oldest first."""
    rows = await tx.execute(
        select(table).where(table.c.encrypted_seed.is_not(None)).order_by(table.c.created_at)
    )
    return [
        StoredKey(row.key_id, row.encrypted_seed, row.created_at, row.retires_at) for row in rows
    ]


async def insert_key(tx: Transaction, key: SigningKey, encrypted_seed: bytes) -> None:
    """Insert a key."""
    await tx.execute(
        insert(table).values(
            key_id=key.key_id,
            public_key=key.public.raw,
            encrypted_seed=encrypted_seed,
            created_at=tx.now,
        )
    )


async def retire_other_keys(tx: Transaction, key_id: str, time: datetime) -> None:
    """Set the time of retirement of all keys except `key_id`. Keys whose time of retirement is set do not change."""
    await tx.execute(
        update(table)
        .where(table.c.key_id != key_id, table.c.retires_at.is_(None))
        .values(retires_at=time)
    )

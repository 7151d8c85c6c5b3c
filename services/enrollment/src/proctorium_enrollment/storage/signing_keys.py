"""The keys that enrollment signs access tokens with: the public half for all, the secret half sealed."""

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


@dataclass(frozen=True)
class KeptKey:
    """A key that signs, or did. `retire_time` is None until another has been made in its place."""

    key_id: str
    encrypted_seed: bytes
    create_time: datetime
    retire_time: datetime | None


async def lock(tx: Transaction) -> None:
    """Lets one at a time make keys, until its transaction ends."""
    await tx.execute(select(func.pg_advisory_xact_lock(_LOCK_KEY)))


async def public(tx: Transaction) -> Sequence[PublicKey]:
    """All public keys, oldest first."""
    found = await tx.execute(
        select(table.c.key_id, table.c.public_key, table.c.retires_at).order_by(table.c.created_at)
    )
    return [PublicKey(row.key_id, row.public_key, row.retires_at) for row in found]


async def kept(tx: Transaction) -> Sequence[KeptKey]:
    """The keys with their secret halves, oldest first."""
    found = await tx.execute(
        select(table).where(table.c.encrypted_seed.is_not(None)).order_by(table.c.created_at)
    )
    return [
        KeptKey(row.key_id, row.encrypted_seed, row.created_at, row.retires_at) for row in found
    ]


async def add(tx: Transaction, key: SigningKey, encrypted_seed: bytes) -> None:
    """Adds a key."""
    await tx.execute(
        insert(table).values(
            key_id=key.key_id,
            public_key=key.public.raw,
            encrypted_seed=encrypted_seed,
            created_at=tx.now,
        )
    )


async def retire(tx: Transaction, but: str, at: datetime) -> None:
    """Retires at a time all keys that are not retired yet, but one."""
    await tx.execute(
        update(table)
        .where(table.c.key_id != but, table.c.retires_at.is_(None))
        .values(retires_at=at)
    )

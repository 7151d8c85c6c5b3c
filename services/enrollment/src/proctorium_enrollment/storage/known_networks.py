"""From which networks which accounts have been signed in to, as keyed hashes: the table names nobody and no place."""

from __future__ import annotations

from sqlalchemy import exists, select
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.storage.database import Transaction
from proctorium_enrollment.storage.tables import known_networks as table


async def contains(tx: Transaction, mark: bytes) -> bool:
    """Whether the account was signed in to from the network; `mark` is the keyed hash of both."""
    return bool((await tx.execute(select(exists().where(table.c.mark == mark)))).scalar_one())


async def remember(tx: Transaction, mark: bytes) -> None:
    """Notes that the account has just been signed in to from the network."""
    added = insert(table).values(mark=mark, last_at=tx.now)
    await tx.execute(
        added.on_conflict_do_update(
            constraint="pk_known_networks", set_={"last_at": added.excluded.last_at}
        )
    )

"""The `KeyStore` of a service with a database, from which the public keys are loaded after a restart."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import delete, select
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.security.keys import PublicKey
from proctorium_common.storage.database import Database
from proctorium_common.storage.tables import signing_keys


class DatabaseKeyStore:
    """Stores public keys in the table `signing_keys`. Private keys in this table are not changed."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> Sequence[PublicKey]:
        """Return the stored public keys."""
        table = signing_keys
        async with self._database.transaction() as transaction:
            found = await transaction.execute(
                select(table.c.key_id, table.c.public_key, table.c.retires_at)
            )
            return [PublicKey(row.key_id, row.public_key, row.retires_at) for row in found]

    async def save(self, keys: Sequence[PublicKey]) -> None:
        """Replace the stored public keys by `keys`. Rows with a private key are not deleted."""
        table = signing_keys
        async with self._database.transaction() as transaction:
            known = [key.key_id for key in keys]
            await transaction.execute(
                delete(table).where(table.c.key_id.not_in(known), table.c.encrypted_seed.is_(None))
            )
            # Always write the keys in the same order, so that two replicas cannot deadlock.
            for key in sorted(keys, key=lambda key: key.key_id):
                added = insert(table).values(
                    key_id=key.key_id,
                    public_key=key.raw,
                    created_at=transaction.now,
                    retires_at=key.retire_time,
                )
                await transaction.execute(
                    added.on_conflict_do_update(
                        index_elements=[table.c.key_id], set_={"retires_at": key.retire_time}
                    )
                )

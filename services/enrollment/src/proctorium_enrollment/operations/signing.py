"""Signing keys of access tokens.

The first key is created at the first start. Keys are stored encrypted. Rotation does not end sign-ins.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlalchemy.exc import ProgrammingError

from proctorium_common.errors import unavailable
from proctorium_common.security.encryption import EncryptionKey
from proctorium_common.security.keys import PublicKey, SigningKey
from proctorium_common.security.tokens import TokenSigner
from proctorium_common.storage.database import Database, Transaction
from proctorium_enrollment.storage import signing_keys
from proctorium_enrollment.storage.signing_keys import StoredKey

ACCESS_TOKEN_LIFETIME = timedelta(minutes=10)
ACTIVATION_DELAY = timedelta(minutes=6)
"""The time from the creation of a key until it signs tokens.

Services read the public keys every five minutes, so all services have the key by then.
"""
_OVERLAP = timedelta(minutes=1)
"""The time from the activation of a new key to the retirement of the old key. It allows for clocks that differ."""


class Signing:
    """Signs access tokens and provides the public keys. `key` encrypts the seeds of signing keys."""

    def __init__(self, key: EncryptionKey) -> None:
        self._key = key
        self._decrypted: dict[str, SigningKey] = {}

    async def public_keys(self, database: Database) -> Sequence[PublicKey]:
        """Return the public keys that are needed to verify all valid tokens, oldest first.

        Creates the first key if there is none. Raises KEYS_UNAVAILABLE if the database has not been migrated.
        """
        try:
            async with database.transaction() as tx:
                keys = await signing_keys.list_public_keys(tx)
                if not keys:
                    await self._make_first_key(tx)
                    keys = await signing_keys.list_public_keys(tx)
        except ProgrammingError as failure:
            raise unavailable(
                "KEYS_UNAVAILABLE", "The database has not been migrated yet; try again shortly."
            ) from failure
        return [
            key
            for key in keys
            if key.retire_time is None or tx.now < key.retire_time + 2 * ACCESS_TOKEN_LIFETIME
        ]

    async def signer(self, tx: Transaction) -> TokenSigner:
        """Return a signer with the active key. Create the first key if there is none. Raises DecryptionError."""
        keys = await signing_keys.list_keys(tx)
        if not keys:
            await self._make_first_key(tx)
            keys = await signing_keys.list_keys(tx)
        return TokenSigner(
            self._decrypt(active_key(keys, tx.now)),
            lifetime=ACCESS_TOKEN_LIFETIME,
            clock=lambda: tx.now,
        )

    async def check_master_key(self, database: Database) -> None:
        """Raise DecryptionError if the stored keys were encrypted with a different master key."""
        if self._decrypted:
            return
        async with database.transaction() as tx:
            for stored in await signing_keys.list_keys(tx):
                self._decrypt(stored)

    async def rotate(self, database: Database) -> str:
        """Create a new key and return its ID.

        The new key becomes active after `ACTIVATION_DELAY`. All other keys retire one minute later.
        """
        async with database.transaction() as tx:
            await signing_keys.lock_keys(tx)
            key = await self._make_key(tx)
            await signing_keys.retire_other_keys(
                tx, key.key_id, tx.now + ACTIVATION_DELAY + _OVERLAP
            )
        return key.key_id

    def _decrypt(self, stored: StoredKey) -> SigningKey:
        if stored.key_id not in self._decrypted:
            seed = self._key.decrypt(stored.encrypted_seed, stored.key_id)
            self._decrypted[stored.key_id] = SigningKey(seed)
        return self._decrypted[stored.key_id]

    async def _make_first_key(self, tx: Transaction) -> None:
        await signing_keys.lock_keys(tx)
        if not await signing_keys.list_public_keys(tx):
            await self._make_key(tx)

    async def _make_key(self, tx: Transaction) -> SigningKey:
        key = SigningKey.generate()
        await signing_keys.insert_key(tx, key, self._key.encrypt(key.seed, key.key_id))
        return key


def active_key(keys: Sequence[StoredKey], now: datetime) -> StoredKey:
    """Return the newest key that is older than `ACTIVATION_DELAY` or, if there is none, the oldest key.

    `keys` must not be empty, and must be ordered from the oldest to the newest key.
    """
    known = [key for key in keys if now - key.created_at >= ACTIVATION_DELAY]
    return known[-1] if known else keys[0]

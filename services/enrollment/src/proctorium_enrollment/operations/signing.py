"""The signing keys of access tokens: made at the first start, encrypted, and rotated without ending any sign-in."""

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
"""A new key signs after this time: services read the keys every five minutes, so all of them know it by then."""
_OVERLAP = timedelta(minutes=1)
"""The time between the activation of a new key and the retirement of the old one, because clocks differ."""


class Signing:
    """The signing of access tokens, and the public keys. `key` encrypts the seeds of signing keys."""

    def __init__(self, key: EncryptionKey) -> None:
        self._key = key
        self._decrypted: dict[str, SigningKey] = {}

    async def public_keys(self, database: Database) -> Sequence[PublicKey]:
        """Return the public keys of all valid tokens, oldest first; make the first key. Raises KEYS_UNAVAILABLE."""
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
        """Return the signer with the active key. Raises DecryptionError."""
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
        """Raise DecryptionError if the stored keys were encrypted with another master key."""
        if self._decrypted:
            return
        async with database.transaction() as tx:
            for stored in await signing_keys.list_keys(tx):
                self._decrypt(stored)

    async def rotate(self, database: Database) -> str:
        """Make a new key and return its ID. It becomes active when all services know it; then the old ones retire."""
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
    """Return the newest of `keys` (oldest first, at least one) that all services know, or else the oldest."""
    known = [key for key in keys if now - key.created_at >= ACTIVATION_DELAY]
    return known[-1] if known else keys[0]

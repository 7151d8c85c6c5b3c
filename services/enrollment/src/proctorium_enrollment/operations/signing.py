"""The keys that access tokens are signed with: made at the first start, sealed, and replaced without anybody being signed out."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta

from sqlalchemy.exc import ProgrammingError

from proctorium_common.errors import unavailable
from proctorium_common.security.encryption import EncryptionKey
from proctorium_common.security.keys import PublicKey, SigningKey
from proctorium_common.security.tokens import TokenSigner
from proctorium_common.storage.database import Database, Transaction
from proctorium_enrollment.storage import signing_keys as storage
from proctorium_enrollment.storage.signing_keys import KeptKey

ACCESS_LIFE = timedelta(minutes=10)
KNOWN_AFTER = timedelta(minutes=6)
"""Services ask for the keys every five minutes: by then every one of them knows a new key, and it may sign."""
_OVERLAP = timedelta(minutes=1)
"""Between a new key's beginning to sign and the old one's retirement: clocks differ a little."""


class Signing:
    """Signs access tokens; gives out the public keys."""

    def __init__(self, key: EncryptionKey) -> None:
        self._key = key
        self._opened: dict[str, SigningKey] = {}

    async def trusted(self, database: Database) -> Sequence[PublicKey]:
        """The keys that this service trusts itself; makes the first key when there is none. Raises KEYS_UNAVAILABLE."""
        try:
            async with database.transaction() as tx:
                return await self.public_keys(tx)
        except ProgrammingError as failure:
            raise unavailable(
                "KEYS_UNAVAILABLE", "The database has not been migrated yet; try again shortly."
            ) from failure

    async def public_keys(self, tx: Transaction) -> Sequence[PublicKey]:
        """The public keys that can still be met in a token, oldest first; makes the first key when there is none."""
        keys = await storage.public(tx)
        if not keys:
            await self._make_first(tx)
            keys = await storage.public(tx)
        return [
            key
            for key in keys
            if key.retire_time is None or tx.now < key.retire_time + 2 * ACCESS_LIFE
        ]

    async def signer(self, tx: Transaction) -> TokenSigner:
        """What signs at the moment. Raises DecryptionError."""
        keys = await storage.kept(tx)
        if not keys:
            await self._make_first(tx)
            keys = await storage.kept(tx)
        return TokenSigner(self._open(in_use(keys, tx)), life=ACCESS_LIFE, clock=lambda: tx.now)

    async def check_master_key(self, database: Database) -> None:
        """Raises DecryptionError when the stored keys were encrypted with another: then nobody could sign in, and no code be shown."""
        if self._opened:
            return
        async with database.transaction() as tx:
            for kept in await storage.kept(tx):
                self._open(kept)

    def _open(self, kept: KeptKey) -> SigningKey:
        if kept.key_id not in self._opened:
            seed = self._key.decrypt(kept.encrypted_seed, kept.key_id)
            self._opened[kept.key_id] = SigningKey(seed)
        return self._opened[kept.key_id]

    async def rotate(self, tx: Transaction) -> str:
        """Makes a new key, and answers its id. It signs when every service knows it; then the old ones retire."""
        await storage.lock(tx)
        key = await self._make(tx)
        await storage.retire(tx, key.key_id, tx.now + KNOWN_AFTER + _OVERLAP)
        return key.key_id

    async def _make_first(self, tx: Transaction) -> None:
        await storage.lock(tx)
        if not await storage.public(tx):
            await self._make(tx)

    async def _make(self, tx: Transaction) -> SigningKey:
        key = SigningKey.generate()
        await storage.add(tx, key, self._key.encrypt(key.seed, key.key_id))
        return key


def in_use(keys: Sequence[KeptKey], tx: Transaction) -> KeptKey:
    """The newest of `keys` (oldest first, one at least) that every service knows by now, else the oldest that is not retired."""
    known = [key for key in keys if tx.now - key.create_time >= KNOWN_AFTER]
    if known:
        return known[-1]
    return keys[0]

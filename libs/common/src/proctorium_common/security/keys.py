"""The Ed25519 keys that sign and verify access tokens; a key's id is its RFC 7638 thumbprint.

Enrollment signs tokens. All services verify them offline with the public keys, which a `KeyRing` holds in memory and
stores in the service's own database, so that a service can restart while enrollment is unavailable.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from cryptography.hazmat.primitives.asymmetric.ed25519 import (
    Ed25519PrivateKey,
    Ed25519PublicKey,
)
from joserfc.jwk import OKPKey

from proctorium_common.clock import Clock, utc_now
from proctorium_common.errors import ServiceError, unauthenticated, unavailable
from proctorium_common.telemetry.logs import get_logger

_log = get_logger()

_MIN_RETRY = timedelta(seconds=1)
_MAX_RETRY = timedelta(seconds=30)


@dataclass(frozen=True)
class PublicKey:
    """A key that verifies tokens. Tokens that were issued after `retire_time` are not valid."""

    key_id: str
    raw: bytes
    retire_time: datetime | None = None

    def verifier(self) -> OKPKey:
        """Return the key as a joserfc key."""
        return OKPKey.import_key(Ed25519PublicKey.from_public_bytes(self.raw))


class SigningKey:
    """A key that signs tokens. `seed` is the secret of 32 bytes; it must not be stored unencrypted."""

    def __init__(self, seed: bytes) -> None:
        private = Ed25519PrivateKey.from_private_bytes(seed)
        self.signer = OKPKey.import_key(private)
        self.public = PublicKey(self.signer.thumbprint(), private.public_key().public_bytes_raw())
        self.seed = seed

    @classmethod
    def generate(cls) -> SigningKey:
        """Return a new key from the operating system's random source."""
        return cls(Ed25519PrivateKey.generate().private_bytes_raw())

    @property
    def key_id(self) -> str:
        """The `kid` of the tokens that the key signs."""
        return self.public.key_id

    def __repr__(self) -> str:
        return f"SigningKey({self.key_id})"


Fetch = Callable[[], Awaitable[Sequence[PublicKey]]]
"""Fetches the current keys from the signer. Raises ServiceError or OSError if the signer does not respond."""


class KeyStore(Protocol):
    """Stores public keys so that they survive a restart."""

    async def load(self) -> Sequence[PublicKey]:
        """Return the stored keys; empty if none are stored."""
        ...

    async def save(self, keys: Sequence[PublicKey]) -> None:
        """Replace the stored keys."""
        ...


class NoKeyStore:
    """Stores nothing; for services without a database, and for keys that need not be stored."""

    async def load(self) -> Sequence[PublicKey]:
        """Return no keys."""
        return ()

    async def save(self, keys: Sequence[PublicKey]) -> None:
        """Do nothing."""


class KeyRing:
    """The public keys that are currently trusted.

    `load` reads them from the store, and `keep_fresh` then fetches them periodically. A token with an unknown key id
    also causes a fetch, at most once in `unknown_key_pause`, so that forged key ids cannot overload the signer.
    """

    def __init__(
        self,
        fetch: Fetch,
        *,
        store: KeyStore | None = None,
        clock: Clock = utc_now,
        refresh_every: timedelta = timedelta(minutes=5),
        unknown_key_pause: timedelta = timedelta(seconds=10),
    ) -> None:
        self._fetch = fetch
        self._store: KeyStore = store or NoKeyStore()
        self._clock = clock
        self._refresh_every = refresh_every
        self._unknown_key_pause = unknown_key_pause
        self._keys: Mapping[str, PublicKey] = {}
        self._verifiers: Mapping[str, OKPKey] = {}
        self._fetched_at: datetime | None = None
        self._last_fetch_succeeded = False
        self._saved = False
        self._fetch_lock = asyncio.Lock()
        self.generation = 0

    @classmethod
    def of(cls, *keys: PublicKey) -> KeyRing:
        """Return a key ring with exactly these keys, for the signer itself and for tests."""

        async def fetch() -> Sequence[PublicKey]:
            return keys

        ring = cls(fetch)
        ring._trust(keys)
        return ring

    def do_not_store(self) -> None:
        """Keep the keys in memory only."""
        self._store = NoKeyStore()

    @property
    def has_keys(self) -> bool:
        """Whether there is any key; without one, no token can be verified."""
        return bool(self._keys)

    async def load(self) -> None:
        """Load the keys from the store, unless newer ones were fetched already."""
        keys = await self._store.load()
        if keys and not self._keys:
            self._trust(keys)

    async def refresh(self) -> bool:
        """Fetch the current keys and store them; on failure, return False and keep the previous keys."""
        self._fetched_at = self._clock()
        try:
            keys = await self._fetch()
        except (ServiceError, OSError) as failure:
            self._last_fetch_succeeded = False
            _log.warning("signing_keys_refresh_failed", error=str(failure), known=len(self._keys))
            return False
        # A signer without keys is still being set up, so the previous keys stay trusted.
        self._last_fetch_succeeded = bool(keys)
        if keys and (self._trust(keys) or not self._saved):
            await self._save(keys)
        return self._last_fetch_succeeded

    def _trust(self, keys: Sequence[PublicKey]) -> bool:
        trusted = {key.key_id: key for key in keys}
        if trusted == self._keys:
            return False
        self._verifiers = {key.key_id: key.verifier() for key in keys}
        self._keys = trusted
        self.generation += 1
        return True

    async def _save(self, keys: Sequence[PublicKey]) -> None:
        try:
            await self._store.save(keys)
        except ServiceError as failure:
            # The keys are in memory, and the next refresh saves them.
            _log.warning("signing_keys_save_failed", error=str(failure))
            self._saved = False
        else:
            self._saved = True

    async def find(self, key_id: str) -> tuple[PublicKey, OKPKey]:
        """Return the key with this id, fetching the keys again if it is unknown.

        Raises TOKEN_INVALID if the signer does not have the key, KEYS_UNAVAILABLE if the keys could not be fetched.
        """
        if key_id not in self._keys:
            async with self._fetch_lock:
                if key_id not in self._keys and self._may_fetch():
                    await self.refresh()
        key = self._keys.get(key_id)
        if key is not None:
            return key, self._verifiers[key_id]
        if not self._last_fetch_succeeded:
            raise unavailable(
                "KEYS_UNAVAILABLE",
                "Your sign-in cannot be checked at the moment. Please try again shortly.",
                retry_after=self._unknown_key_pause,
            )
        raise unauthenticated("TOKEN_INVALID", "Please sign in again.")

    def _may_fetch(self) -> bool:
        return (
            self._fetched_at is None or self._clock() - self._fetched_at >= self._unknown_key_pause
        )

    async def keep_fresh(self) -> None:
        """Refresh the keys periodically until cancelled, with backoff after failures."""
        pause = _MIN_RETRY
        while True:
            if await self.refresh():
                pause = _MIN_RETRY
                await asyncio.sleep(self._refresh_every.total_seconds())
            else:
                await asyncio.sleep(pause.total_seconds())
                pause = min(2 * pause, _MAX_RETRY)

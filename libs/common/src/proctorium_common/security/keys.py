"""The Ed25519 keys that sign and verify access tokens. The id of a key is its RFC 7638 thumbprint.

Enrollment signs the tokens. All services verify the tokens offline with the public keys. A `KeyRing` holds the public
keys in memory, and stores them in the service's own database, so that a service can restart while enrollment is
unavailable.
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
    """A key that verifies tokens. A token that was issued after the `retire_time` of its key is not valid."""

    key_id: str
    raw: bytes
    retire_time: datetime | None = None

    def verifier(self) -> OKPKey:
        """Return the key as a joserfc key."""
        return OKPKey.import_key(Ed25519PublicKey.from_public_bytes(self.raw))


class SigningKey:
    """A key that signs tokens. `seed` is the private key (32 bytes), which must not be stored unencrypted."""

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
        """The id of the key, which is the `kid` of the tokens that the key signs."""
        return self.public.key_id

    def __repr__(self) -> str:
        return f"SigningKey({self.key_id})"


Fetch = Callable[[], Awaitable[Sequence[PublicKey]]]
"""A function that fetches the current keys from the service that signs tokens.

Raises ServiceError or OSError if that service does not respond.
"""


class KeyStore(Protocol):
    """A store from which public keys are loaded after a restart."""

    async def load(self) -> Sequence[PublicKey]:
        """Return the stored keys, or an empty sequence if no keys are stored."""
        ...

    async def save(self, keys: Sequence[PublicKey]) -> None:
        """Replace the stored keys."""
        ...


class NoKeyStore:
    """A store that is always empty, for services without a database, and for keys that need not be stored."""

    async def load(self) -> Sequence[PublicKey]:
        """Return no keys."""
        return ()

    async def save(self, keys: Sequence[PublicKey]) -> None:
        """Do nothing."""


class KeyRing:
    """The public keys that are currently trusted.

    `load` reads the keys from the store, and `keep_fresh` fetches the keys periodically. A token with an unknown key id
    also causes a fetch. Such fetches are at least `unknown_key_pause` apart, so that tokens with forged key ids cannot
    overload the service that signs tokens.
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
        """Return a key ring with exactly these keys, for the service that signs tokens and for tests."""

        async def fetch() -> Sequence[PublicKey]:
            return keys

        ring = cls(fetch)
        ring._trust(keys)
        return ring

    def do_not_store(self) -> None:
        """From now on, hold the keys only in memory, and do not store them."""
        self._store = NoKeyStore()

    @property
    def has_keys(self) -> bool:
        """Whether the key ring has at least one key. Without a key, no token can be verified."""
        return bool(self._keys)

    async def load(self) -> None:
        """Load the keys from the store, unless the key ring already has keys, which are newer."""
        keys = await self._store.load()
        if keys and not self._keys:
            self._trust(keys)

    async def refresh(self) -> bool:
        """Fetch the current keys, store them and return True.

        If no keys can be fetched, returns False and keeps the previous keys.
        """
        self._fetched_at = self._clock()
        try:
            keys = await self._fetch()
        except (ServiceError, OSError) as failure:
            self._last_fetch_succeeded = False
            _log.warning("signing_keys_refresh_failed", error=str(failure), known=len(self._keys))
            return False
        # An empty response means that the service that signs tokens is still being set up. In this case, the previous
        # keys stay trusted.
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
            # Ignore the failure, because the keys are in memory, and the next refresh saves them.
            _log.warning("signing_keys_save_failed", error=str(failure))
            self._saved = False
        else:
            self._saved = True

    async def find(self, key_id: str) -> tuple[PublicKey, OKPKey]:
        """Return the key with the id `key_id`, as a `PublicKey` and as a joserfc key.

        If the id is unknown, the keys are fetched again first. Raises TOKEN_INVALID if the fetched keys do not contain
        the id, and KEYS_UNAVAILABLE if the keys could not be fetched.
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
        """Refresh the keys periodically until cancelled. After a failed refresh, retry with backoff."""
        pause = _MIN_RETRY
        while True:
            if await self.refresh():
                pause = _MIN_RETRY
                await asyncio.sleep(self._refresh_every.total_seconds())
            else:
                await asyncio.sleep(pause.total_seconds())
                pause = min(2 * pause, _MAX_RETRY)

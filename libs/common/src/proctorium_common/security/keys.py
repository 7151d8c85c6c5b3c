"""The keys that tokens are signed and checked with: Ed25519, named by their RFC 7638 thumbprint.

Enrollment signs; everybody else checks with the public keys, offline. A `KeyRing` keeps them in memory and in the
service's own database, so that a service that restarts while enrollment is down still knows who is calling.
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

log = get_logger()

_RETRY_FIRST = timedelta(seconds=1)
_RETRY_MOST = timedelta(seconds=30)


@dataclass(frozen=True)
class PublicKey:
    """A key to check tokens with. Tokens that it signed after `retire_time` are not to be trusted."""

    key_id: str
    raw: bytes
    retire_time: datetime | None = None

    def verifier(self) -> OKPKey:
        """Return the key in the form that joserfc takes."""
        return OKPKey.import_key(Ed25519PublicKey.from_public_bytes(self.raw))


class SigningKey:
    """A key to sign tokens with. `seed` is the secret, 32 bytes: it is stored encrypted or not at all."""

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
        """The `kid` of tokens signed with it."""
        return self.public.key_id

    def __repr__(self) -> str:
        return f"SigningKey({self.key_id})"


Fetch = Callable[[], Awaitable[Sequence[PublicKey]]]
"""Returns the keys in use, from the signer. Raises ServiceError or OSError when the signer does not respond."""


class KeyStore(Protocol):
    """Keeps public keys over a restart."""

    async def load(self) -> Sequence[PublicKey]:
        """Return the keys that were saved last; none when none were."""
        ...

    async def save(self, keys: Sequence[PublicKey]) -> None:
        """Replace what was saved."""
        ...


class NoKeyStore:
    """Keeps nothing: for a service without a database, and for keys that need no keeping."""

    async def load(self) -> Sequence[PublicKey]:
        """No keys."""
        return ()

    async def save(self, keys: Sequence[PublicKey]) -> None:
        """Do nothing."""


class KeyRing:
    """The public keys that are trusted now.

    They come from the store at first (`load`), then from `fetch`, again and again (`keep_fresh`), and at once when a
    token names a key that is not known; that happens at most every `unknown_key_pause`, so that invented key ids cost
    the signer nothing.
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
        self._asked_at: datetime | None = None
        self._answered = False
        self._saved = False
        self._asking = asyncio.Lock()
        self.generation = 0

    @classmethod
    def of(cls, *keys: PublicKey) -> KeyRing:
        """Return a ring of exactly these keys, for the signer itself and for tests."""

        async def fetch() -> Sequence[PublicKey]:
            return keys

        ring = cls(fetch)
        ring._trust(keys)
        return ring

    def do_not_store(self) -> None:
        """Keep the keys in memory alone."""
        self._store = NoKeyStore()

    @property
    def present(self) -> bool:
        """Whether any key is known: without one nobody can sign in to this service."""
        return bool(self._keys)

    async def load(self) -> None:
        """Take what the store has, unless fresher keys are there already."""
        keys = await self._store.load()
        if keys and not self._keys:
            self._trust(keys)

    async def refresh(self) -> bool:
        """Ask for the keys in use and save them; False when that did not work and the old ones stay."""
        self._asked_at = self._clock()
        try:
            keys = await self._fetch()
        except (ServiceError, OSError) as failure:
            self._answered = False
            log.warning("signing_keys_not_refreshed", error=str(failure), known=len(self._keys))
            return False
        # A signer that knows no keys is one that is being set up; nobody gains by forgetting ours.
        self._answered = bool(keys)
        if keys and (self._trust(keys) or not self._saved):
            await self._save(keys)
        return self._answered

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
            # They are trusted in memory; the next refresh tries again.
            log.warning("signing_keys_not_saved", error=str(failure))
            self._saved = False
        else:
            self._saved = True

    async def find(self, key_id: str) -> tuple[PublicKey, OKPKey]:
        """Return the key of that id, asked for when it is not known.

        Raises TOKEN_INVALID when the signer does not know it either, KEYS_UNAVAILABLE when the signer could not be
        asked.
        """
        if key_id not in self._keys:
            async with self._asking:
                if key_id not in self._keys and self._may_ask():
                    await self.refresh()
        key = self._keys.get(key_id)
        if key is not None:
            return key, self._verifiers[key_id]
        if not self._answered:
            raise unavailable(
                "KEYS_UNAVAILABLE",
                "Your sign-in cannot be checked at the moment. Please try again shortly.",
                retry_after=self._unknown_key_pause,
            )
        raise unauthenticated("TOKEN_INVALID", "Please sign in again.")

    def _may_ask(self) -> bool:
        return self._asked_at is None or self._clock() - self._asked_at >= self._unknown_key_pause

    async def keep_fresh(self) -> None:
        """Refresh until cancelled: with growing pauses until it succeeds once, then regularly."""
        pause = _RETRY_FIRST
        while True:
            if await self.refresh():
                pause = _RETRY_FIRST
                await asyncio.sleep(self._refresh_every.total_seconds())
            else:
                await asyncio.sleep(pause.total_seconds())
                pause = min(2 * pause, _RETRY_MOST)

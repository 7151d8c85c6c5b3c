"""Password hashes: Argon2id (RFC 9106), computed in threads, two at a time, since each needs 64 MiB.

A caller needs a permit. Permits are fair between keys (the networks of callers): a flood from one network delays others
by no more than the hashes that are being computed.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from datetime import timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from proctorium_common.fair_limiter import LimitedThreads, LimiterFullError
from proctorium_enrollment.domain.passwords import too_many_at_once

_MEMORY_KIB = 64 * 1024
_PASSES = 2
"""With 64 MiB, more than OWASP's minimum (46 MiB, one pass): 0.12 s of one core."""
_PERMITS = 2
_CAPACITY_PER_KEY = 48
"""Callers of one key that have a permit or wait for one: two processors need 3 s for them."""
_RETRY_AFTER = timedelta(seconds=3)


class PasswordHashes:
    """The computing and verifying of hashes. Close it when the service ends."""

    def __init__(
        self,
        *,
        memory_kib: int = _MEMORY_KIB,
        passes: int = _PASSES,
        permits: int = _PERMITS,
        capacity_per_key: int = _CAPACITY_PER_KEY,
    ) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._threads: LimitedThreads[Hashable] = LimitedThreads(
            "argon2", permits, capacity_per_key=capacity_per_key
        )
        self._placeholder_hash = self._hasher.hash("placeholder")

    @asynccontextmanager
    async def permit(self, key: Hashable) -> AsyncIterator[None]:
        """Acquire a permit for the block, in which hashes are computed and verified. Raises TOO_MANY_AT_ONCE."""
        try:
            await self._threads.acquire(key)
        except LimiterFullError:
            raise too_many_at_once(_RETRY_AFTER) from None
        try:
            yield
        finally:
            self._threads.release(key)

    async def compute(self, password: str) -> str:
        """Return the hash of `password`, in PHC form. The caller has a permit."""
        return await self._threads.run(lambda: self._hasher.hash(password))

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Return whether the hash is of `password`; without a hash, False after the same time. Needs a permit."""
        return await self._threads.run(lambda: self._verify(password, password_hash))

    def is_outdated(self, password_hash: str) -> bool:
        """Return whether the hash was computed with other parameters than the current ones."""
        return self._hasher.check_needs_rehash(password_hash)

    async def close(self) -> None:
        """Wait for the hashes that are being computed, and start no more."""
        await self._threads.close()

    def _verify(self, password: str, password_hash: str | None) -> bool:
        try:
            self._hasher.verify(password_hash or self._placeholder_hash, password)
        except (VerificationError, InvalidHashError):
            return False
        return password_hash is not None

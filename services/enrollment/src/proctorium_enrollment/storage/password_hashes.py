"""Computation of password hashes with Argon2id (RFC 9106).

The computation of a hash needs much memory (64 MiB by default). Only two hashes are therefore computed at once, in
threads. A caller first acquires a permit under a key that includes the caller's network, and permits are shared fairly
between keys. A flood of sign-ins from one network therefore delays callers in other networks only until a current
computation ends.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from datetime import timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from proctorium_common.fair_limiter import LimitedThreads, LimiterFullError
from proctorium_enrollment.domain.passwords import too_many_at_once

_PASSES = 2
"""The number of passes.

OWASP's minimum for two passes is 19 MiB. With 64 MiB, two passes take 0.12 s of one core.
"""
_PERMITS = 2
_CAPACITY_PER_KEY = 48
"""The maximum number of callers under one key that have a permit or wait for a permit.

With 64 MiB, two processors need 3 s for the hashes of these callers.
"""
_RETRY_AFTER = timedelta(seconds=3)


class PasswordHashes:
    """Computes and verifies hashes of passwords. Close the object when the service ends."""

    def __init__(
        self,
        *,
        memory_kib: int,
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
        """Acquire a permit under `key` for the duration of the block. Raises TOO_MANY_AT_ONCE.

        Hashes may be computed and verified only within the block.
        """
        try:
            await self._threads.acquire(key)
        except LimiterFullError:
            raise too_many_at_once(_RETRY_AFTER) from None
        try:
            yield
        finally:
            self._threads.release(key)

    async def compute(self, password: str) -> str:
        """Return the hash of `password` in PHC format. The caller must have a permit."""
        return await self._threads.run(lambda: self._hasher.hash(password))

    async def verify(self, password: str, password_hash: str | None) -> bool:
        """Return whether the hash belongs to `password`. The caller must have a permit.

        If `password_hash` is None, returns False, and takes as long as the verification of a hash.
        """
        return await self._threads.run(lambda: self._verify(password, password_hash))

    def is_outdated(self, password_hash: str) -> bool:
        """Return whether the hash was computed with parameters other than the current ones."""
        return self._hasher.check_needs_rehash(password_hash)

    async def close(self) -> None:
        """Refuse new computations, and wait until the current computations end."""
        await self._threads.close()

    def _verify(self, password: str, password_hash: str | None) -> bool:
        try:
            self._hasher.verify(password_hash or self._placeholder_hash, password)
        except (VerificationError, InvalidHashError):
            return False
        return password_hash is not None

"""Password hashes: Argon2id (RFC 9106), made in threads, at most so many at a time, since each takes 64 MiB."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

T = TypeVar("T")

_MEMORY_KIB = 64 * 1024
_PASSES = 2
"""With 64 MiB more than OWASP's least (46 MiB, one pass): 0.12 s of one core."""
_AT_ONCE = 2


class PasswordHashes:
    """Makes and checks hashes. Close it when the service ends."""

    def __init__(
        self, *, memory_kib: int = _MEMORY_KIB, passes: int = _PASSES, at_once: int = _AT_ONCE
    ) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._threads = ThreadPoolExecutor(at_once, thread_name_prefix="argon2")
        # A waiting call waits here and not in the pool's queue, where nobody could cancel it.
        self._turns = asyncio.Semaphore(at_once)
        self._nobodys = self._hasher.hash("the password of nobody")

    async def make(self, password: str) -> str:
        """The hash of `password`, in PHC form."""
        return await self._in_turn(lambda: self._hasher.hash(password))

    async def matches(self, password: str, password_hash: str | None) -> bool:
        """Whether `password` is the one; False takes as long where there is no hash."""
        return await self._in_turn(lambda: self._verify(password, password_hash))

    def outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with other parameters than are used now."""
        return self._hasher.check_needs_rehash(password_hash)

    async def close(self) -> None:
        """Lets what is under way end, and begins nothing more."""
        await asyncio.to_thread(self._threads.shutdown)

    def _verify(self, password: str, password_hash: str | None) -> bool:
        try:
            self._hasher.verify(password_hash or self._nobodys, password)
        except (VerificationError, InvalidHashError):
            return False
        return password_hash is not None

    async def _in_turn(self, work: Callable[[], T]) -> T:
        async with self._turns:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)

"""Password hashes: Argon2id (RFC 9106), made in threads, at most so many at a time, since each takes 64 MiB.

Who wants one waits for a turn: so many may, and of one network or person a part of them, whose turns come between those of others. A
flood from one network makes nobody elsewhere wait for more than the hashes under way.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from proctorium_common.fair_turns import FairThreads, QueueFullError, Run
from proctorium_enrollment.domain.passwords import too_many_at_once

_MEMORY_KIB = 64 * 1024
_PASSES = 2
"""With 64 MiB more than OWASP's least (46 MiB, one pass): 0.12 s of one core."""
_AT_ONCE = 2
_PLACES = 192
_MOST_OF_ONE = 48
"""Two processors need 12 s for all places, and 3 s for those of one network or person."""
_RETRY_AFTER = timedelta(seconds=3)


class Turn:
    """A turn, in which hashes are made and checked."""

    def __init__(self, hasher: PasswordHasher, nobodys: str, run: Run) -> None:
        self._hasher = hasher
        self._nobodys = nobodys
        self._run = run

    async def make(self, password: str) -> str:
        """The hash of `password`, in PHC form."""
        return await self._run(lambda: self._hasher.hash(password))

    async def matches(self, password: str, password_hash: str | None) -> bool:
        """Whether `password` is the one; False takes as long where there is no hash."""
        return await self._run(lambda: self._verify(password, password_hash))

    def _verify(self, password: str, password_hash: str | None) -> bool:
        try:
            self._hasher.verify(password_hash or self._nobodys, password)
        except (VerificationError, InvalidHashError):
            return False
        return password_hash is not None


class PasswordHashes:
    """Makes and checks hashes. Close it when the service ends."""

    def __init__(
        self,
        *,
        memory_kib: int = _MEMORY_KIB,
        passes: int = _PASSES,
        at_once: int = _AT_ONCE,
        places: int = _PLACES,
        most_of_one: int = _MOST_OF_ONE,
    ) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._threads: FairThreads[str] = FairThreads(
            "argon2", at_once, places=places, most_of_one=most_of_one
        )
        self._nobodys = self._hasher.hash("the password of nobody")

    @asynccontextmanager
    async def turn(self, group: str) -> AsyncIterator[Turn]:
        """The turn of somebody of `group`, a network or a person. Raises TOO_MANY_AT_ONCE."""
        async with AsyncExitStack() as inside:
            try:
                run = await inside.enter_async_context(self._threads.turn(group))
            except QueueFullError:
                raise too_many_at_once(_RETRY_AFTER) from None
            yield Turn(self._hasher, self._nobodys, run)

    def outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with other parameters than are used now."""
        return self._hasher.check_needs_rehash(password_hash)

    async def close(self) -> None:
        """Lets what is under way end, and begins nothing more."""
        await self._threads.close()

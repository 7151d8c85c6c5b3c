"""Password hashes: Argon2id (RFC 9106), made in threads, at most so many at a time, since each takes 64 MiB.

Who wants one takes a place first: so many may wait, and of one network or person a part of them, whose turns come between those of
others. A flood from one network makes nobody elsewhere wait for more than the hashes under way.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from proctorium_common.fair_turns import FairThreads, NoPlaceError
from proctorium_enrollment.domain.passwords import too_many_at_once

_MEMORY_KIB = 64 * 1024
_PASSES = 2
"""With 64 MiB more than OWASP's least (46 MiB, one pass): 0.12 s of one core."""
_AT_ONCE = 2
_PLACES = 192
MOST_OF_ONE = 48
"""Two processors need 12 s for all places, and 3 s for those of one network or person: those are so few that the attempts under way,
which count as failures until they succeed, do not reach the limit of an address on two replicas."""
_RETRY_AFTER = timedelta(seconds=3)


class Place:
    """A place of a group among those who wait; hashes are made and checked in their turn."""

    def __init__(self, hashes: PasswordHashes, group: str) -> None:
        self._hashes = hashes
        self._group = group

    async def make(self, password: str) -> str:
        """The hash of `password`, in PHC form."""
        return await self._hashes.make(password, self._group)

    async def matches(self, password: str, password_hash: str | None) -> bool:
        """Whether `password` is the one; False takes as long where there is no hash."""
        return await self._hashes.matches(password, password_hash, self._group)


class PasswordHashes:
    """Makes and checks hashes. Close it when the service ends."""

    def __init__(
        self,
        *,
        memory_kib: int = _MEMORY_KIB,
        passes: int = _PASSES,
        at_once: int = _AT_ONCE,
        places: int = _PLACES,
        most_of_one: int = MOST_OF_ONE,
    ) -> None:
        self._hasher = PasswordHasher(time_cost=passes, memory_cost=memory_kib, parallelism=1)
        self._threads: FairThreads[str] = FairThreads(
            "argon2", at_once, places=places, most_of_one=most_of_one
        )
        self._nobodys = self._hasher.hash("the password of nobody")

    @contextmanager
    def place(self, group: str) -> Iterator[Place]:
        """A place for somebody of `group`, a network or a person. Raises TOO_MANY_AT_ONCE."""
        try:
            with self._threads.place(group):
                yield Place(self, group)
        except NoPlaceError:
            raise too_many_at_once(_RETRY_AFTER) from None

    async def make(self, password: str, group: str = "") -> str:
        """As `Place.make`, for commands, which nobody else waits for."""
        return await self._threads.run(group, lambda: self._hasher.hash(password))

    async def matches(self, password: str, password_hash: str | None, group: str = "") -> bool:
        """As `Place.matches`, for commands, which nobody else waits for."""
        return await self._threads.run(group, lambda: self._verify(password, password_hash))

    def outdated(self, password_hash: str) -> bool:
        """Whether the hash was made with other parameters than are used now."""
        return self._hasher.check_needs_rehash(password_hash)

    async def close(self) -> None:
        """Lets what is under way end, and begins nothing more."""
        await self._threads.close()

    def _verify(self, password: str, password_hash: str | None) -> bool:
        try:
            self._hasher.verify(password_hash or self._nobodys, password)
        except (VerificationError, InvalidHashError):
            return False
        return password_hash is not None

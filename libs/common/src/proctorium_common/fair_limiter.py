"""A concurrency limiter that is fair between keys: a busy key delays only itself."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Generic, TypeVar

T = TypeVar("T")
Key = TypeVar("Key", bound=Hashable)


class LimiterFullError(Exception):
    """The limiter has reached its capacity."""


class KeyFullError(LimiterFullError):
    """The key has reached its capacity."""


@dataclass(slots=True)
class _Callers:
    """The callers of one key that hold a permit or wait for one."""

    permits: asyncio.Semaphore
    count: int = 0


class FairLimiter(Generic[Key]):
    """Limits concurrency to `permits`, and to `permits_per_key` for each key.

    A caller first waits for one of its key's permits, then for one of all permits. Both are granted in the order of
    arrival, and a key never has more than `permits_per_key` callers in the second queue, however many wait in its own.

    At most `capacity` callers hold a permit or wait for one, at most `capacity_per_key` of one key; None is no limit.
    Use it from one event loop.
    """

    def __init__(
        self,
        permits: int,
        *,
        permits_per_key: int | None = None,
        capacity: int | None = None,
        capacity_per_key: int | None = None,
    ) -> None:
        self._permits = asyncio.Semaphore(permits)
        self._permits_per_key = permits_per_key or permits
        self._capacity, self._capacity_per_key = capacity, capacity_per_key
        self._count = 0
        self._keys: dict[Key, _Callers] = {}

    async def acquire(self, key: Key) -> None:
        """Wait for a permit. Raises KeyFullError or LimiterFullError without waiting."""
        callers = self._add(key)
        try:
            await callers.permits.acquire()
            try:
                await self._permits.acquire()
            except BaseException:
                callers.permits.release()
                raise
        except BaseException:
            self._remove(key)
            raise

    def release(self, key: Key) -> None:
        """Release a permit of the key."""
        self._permits.release()
        self._keys[key].permits.release()
        self._remove(key)

    @asynccontextmanager
    async def permit(self, key: Key) -> AsyncIterator[None]:
        """Hold a permit of the key within the block. Raises as `acquire`."""
        await self.acquire(key)
        try:
            yield
        finally:
            self.release(key)

    def _add(self, key: Key) -> _Callers:
        callers = self._keys.get(key) or _Callers(asyncio.Semaphore(self._permits_per_key))
        if self._capacity_per_key is not None and callers.count >= self._capacity_per_key:
            raise KeyFullError
        if self._capacity is not None and self._count >= self._capacity:
            raise LimiterFullError
        self._keys[key] = callers
        callers.count += 1
        self._count += 1
        return callers

    def _remove(self, key: Key) -> None:
        callers = self._keys[key]
        callers.count -= 1
        self._count -= 1
        if not callers.count:
            del self._keys[key]


class LimitedThreads(FairLimiter[Key]):
    """A fair limiter with one thread for each permit."""

    def __init__(
        self,
        name: str,
        permits: int,
        *,
        permits_per_key: int | None = None,
        capacity: int | None = None,
        capacity_per_key: int | None = None,
    ) -> None:
        """`name` is the prefix of the threads' names; the rest is as in `FairLimiter`."""
        super().__init__(
            permits,
            permits_per_key=permits_per_key,
            capacity=capacity,
            capacity_per_key=capacity_per_key,
        )
        self._threads = ThreadPoolExecutor(permits, name)

    async def run(self, work: Callable[[], T]) -> T:
        """Run `work` in a thread and return its result; the caller holds a permit. Raises RuntimeError after `close`.

        A thread cannot be interrupted: a cancelled caller waits until the work has ended, so that it holds its permit
        until then.
        """
        running = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait({running})
            raise

    async def close(self) -> None:
        """Wait for the running work to end; work that waits for a permit does not start."""
        # Shut down here already, not only in the thread: running work may end before the thread starts, and the next
        # would start.
        self._threads.shutdown(wait=False)
        await asyncio.to_thread(self._threads.shutdown)

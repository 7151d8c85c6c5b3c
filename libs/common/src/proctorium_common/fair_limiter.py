"""A concurrency limiter that is fair between keys, so that a busy key delays only its own callers."""

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
    """The permits of one key, and the number of callers that hold one of these permits or wait for one."""

    permits: asyncio.Semaphore
    count: int = 0


class FairLimiter(Generic[Key]):
    """Limits the number of concurrent callers to `permits` in total, and to `permits_per_key` for each key.

    A caller first waits in the queue of its key for one of the key's permits. The caller then waits in a common queue
    for one of the `permits`. Both queues grant permits in the order of arrival. At most `permits_per_key` callers of a
    key are in the common queue, even if many more callers wait in the queue of the key.

    At most `capacity` callers in total, and at most `capacity_per_key` callers of one key, hold a permit or wait for
    one. A capacity of None means no limit. Use the limiter from only one event loop.
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
        """Wait for a permit of `key` and acquire it.

        At capacity, raises KeyFullError or LimiterFullError without waiting.
        """
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
        """Release a permit of `key`."""
        self._permits.release()
        self._keys[key].permits.release()
        self._remove(key)

    @asynccontextmanager
    async def permit(self, key: Key) -> AsyncIterator[None]:
        """Hold a permit of `key` within the block. Raises the errors of `acquire`."""
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
        """Create the limiter and its threads; `name` is the prefix of the threads' names.

        The other parameters are those of `FairLimiter`.
        """
        super().__init__(
            permits,
            permits_per_key=permits_per_key,
            capacity=capacity,
            capacity_per_key=capacity_per_key,
        )
        self._threads = ThreadPoolExecutor(permits, name)

    async def run(self, work: Callable[[], T]) -> T:
        """Run `work` in a thread and return its result. Raises RuntimeError after `close`.

        The caller must hold a permit. A thread cannot be interrupted. A cancelled call of `run` therefore ends only
        after the work has ended, so that the caller does not release its permit earlier.
        """
        running = asyncio.get_running_loop().run_in_executor(self._threads, work)
        try:
            return await asyncio.shield(running)
        except asyncio.CancelledError:
            await asyncio.wait({running})
            raise

    async def close(self) -> None:
        """Refuse new work, and wait until the running work has ended."""
        # Refuse new work at once, because new work could start before the thread of `to_thread` runs.
        self._threads.shutdown(wait=False)
        await asyncio.to_thread(self._threads.shutdown)

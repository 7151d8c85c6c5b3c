"""Test that the limiter limits concurrency, is fair between keys, and does not lose permits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator

import pytest

from proctorium_common.fair_limiter import (
    FairLimiter,
    KeyFullError,
    LimitedThreads,
    LimiterFullError,
)
from proctorium_common.tasks import end

SOON = 5.0


class Queue:
    """Acquires permits, and records the keys of the permits in the order in which the permits are granted."""

    def __init__(self, limiter: FairLimiter[str]) -> None:
        self.limiter = limiter
        self.granted = ""
        self.tasks: list[asyncio.Task[None]] = []

    async def arrive(self, keys: str) -> None:
        """Start one task after the other, one for each key in `keys`; each task acquires a permit."""
        for key in keys:
            self.tasks.append(asyncio.create_task(self._acquire(key)))
            await settled()

    async def _acquire(self, key: str) -> None:
        await self.limiter.acquire(key)
        self.granted += key

    async def release(self, keys: str) -> None:
        """Release one permit after the other, one for each key in `keys`."""
        for key in keys:
            self.limiter.release(key)
            await settled()


async def settled() -> None:
    """Run a few iterations of the event loop, so that all ready tasks proceed."""
    for _ in range(5):
        await asyncio.sleep(0)


@pytest.fixture
async def queue(request: pytest.FixtureRequest) -> AsyncIterator[Queue]:
    created = Queue(FairLimiter(**{"permits": 1, **getattr(request, "param", {})}))
    yield created
    await end(*created.tasks)


async def test_a_busy_key_delays_only_itself(queue: Queue) -> None:
    await queue.arrive("aaaabbc")
    await queue.release("abcaba")
    assert queue.granted == "abcabaa"


@pytest.mark.parametrize("queue", [{"permits": 2}], indirect=True)
async def test_concurrency_is_limited(queue: Queue) -> None:
    await queue.arrive("aaaab")
    assert queue.granted == "aa"
    await queue.release("aa")
    assert queue.granted == "aaba"


@pytest.mark.parametrize("queue", [{"permits": 2, "permits_per_key": 1}], indirect=True)
async def test_concurrency_of_a_key_is_limited(queue: Queue) -> None:
    await queue.arrive("aaab")
    assert queue.granted == "ab"
    await queue.release("b")
    assert queue.granted == "ab"
    await queue.arrive("c")
    assert queue.granted == "abc"
    await queue.release("a")
    assert queue.granted == "abca"


async def test_free_permit_is_granted_immediately(queue: Queue) -> None:
    async with asyncio.timeout(0):
        await queue.limiter.acquire("a")


async def test_cancelled_caller_delays_no_other(queue: Queue) -> None:
    await queue.arrive("fabb")
    await end(queue.tasks[1], queue.tasks[2])
    await queue.release("f")
    assert queue.granted == "fb"
    await queue.release("b")
    await queue.arrive("a")
    assert queue.granted == "fba"


@pytest.mark.parametrize("cancelled", ["just before", "just after"])
async def test_permit_is_not_lost_when_its_caller_is_cancelled(
    queue: Queue, cancelled: str
) -> None:
    await queue.arrive("abc")
    if cancelled == "just before":
        queue.tasks[1].cancel()
        queue.limiter.release("a")
    else:
        queue.limiter.release("a")
        queue.tasks[1].cancel()
    await settled()
    assert queue.granted == "ac"
    await queue.release("c")
    await queue.arrive("b")
    assert queue.granted == "acb"


async def refused(waiting: asyncio.Task[None], error: type[Exception]) -> None:
    with pytest.raises(LimiterFullError) as refusal:
        async with asyncio.timeout(SOON):
            await waiting
    assert refusal.type is error


@pytest.mark.parametrize("queue", [{"capacity_per_key": 2}], indirect=True)
async def test_full_key_does_not_affect_other_keys(queue: Queue) -> None:
    await queue.arrive("aaa")
    await refused(queue.tasks[2], KeyFullError)
    await queue.arrive("bb")
    await queue.release("aba")
    assert queue.granted == "abab"
    await queue.arrive("a")
    await queue.release("b")
    assert queue.granted == "ababa"


@pytest.mark.parametrize("queue", [{"capacity": 2}], indirect=True)
async def test_full_limiter_refuses_until_a_caller_leaves(queue: Queue) -> None:
    await queue.arrive("abc")
    await refused(queue.tasks[2], LimiterFullError)
    await end(queue.tasks[1])
    await queue.arrive("c")
    await queue.release("a")
    assert queue.granted == "ac"


async def test_nothing_is_stored_for_keys_without_callers(queue: Queue) -> None:
    await queue.arrive("abb")
    await end(queue.tasks[2])
    await queue.release("ab")
    assert not queue.limiter._keys


class Work:
    """Work that blocks its thread until `may_end` is set, and then returns the name of the thread."""

    def __init__(self) -> None:
        self.started = threading.Event()
        self.may_end = threading.Event()

    def __call__(self) -> str:
        self.started.set()
        assert self.may_end.wait(SOON)
        return threading.current_thread().name


@pytest.fixture
async def threads() -> AsyncIterator[LimitedThreads[str]]:
    created: LimitedThreads[str] = LimitedThreads("worker", 1)
    yield created
    await created.close()


async def run(threads: LimitedThreads[str], key: str, work: Work) -> str:
    async with threads.permit(key):
        return await threads.run(work)


async def test_work_runs_in_a_thread(threads: LimitedThreads[str]) -> None:
    work = Work()
    work.may_end.set()
    assert (await run(threads, "a", work)).startswith("worker")


async def test_error_of_the_work_is_raised_and_releases_the_permit(
    threads: LimitedThreads[str],
) -> None:
    def fail() -> None:
        raise ValueError("not an image")

    for _ in range(2):
        with pytest.raises(ValueError, match="not an image"):
            async with threads.permit("a"):
                await threads.run(fail)


async def test_cancelled_caller_keeps_its_permit_until_the_work_has_ended(
    threads: LimitedThreads[str],
) -> None:
    first = Work()
    cancelled = asyncio.create_task(run(threads, "a", first))
    assert await asyncio.to_thread(first.started.wait, SOON)
    cancelled.cancel()
    await settled()
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0):
            await threads.acquire("b")
    first.may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await cancelled
    async with asyncio.timeout(SOON):
        await threads.acquire("b")


async def test_close_waits_for_running_work_and_starts_no_more() -> None:
    threads: LimitedThreads[str] = LimitedThreads("worker", 1)
    first, second = Work(), Work()
    running = asyncio.create_task(run(threads, "a", first))
    waiting = asyncio.create_task(run(threads, "a", second))
    assert await asyncio.to_thread(first.started.wait, SOON)
    closing = asyncio.create_task(threads.close())
    await settled()
    assert not closing.done()
    first.may_end.set()
    async with asyncio.timeout(SOON):
        await closing
        assert await running
        with pytest.raises(RuntimeError):
            await waiting
    assert not second.started.is_set()

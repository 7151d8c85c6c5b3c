"""Lanes, which process the events of one aggregate in order, and the events of different aggregates concurrently.

Each aggregate has a lane. While a failed event waits for its redelivery, the later events of its lane are deferred.
The order is guaranteed only within one process. Because another replica may receive the later events, handlers must
tolerate events out of order.
"""

from __future__ import annotations

import asyncio
from bisect import insort
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

_REDELIVERY_GRACE = 2.0
"""The time in seconds for which a lane waits for a late redelivery.

If the redelivery is later, the broker has probably redelivered the event to another replica.
"""
_DEFERRAL_MARGIN = 0.1
"""The time in seconds from the redelivery of an event to that of the events that were deferred because of it."""

Process = Callable[[T], Awaitable[float | None]]
"""A function that processes an item.

The function returns the time in seconds after which the broker redelivers the item, or None if it does not.
"""
Defer = Callable[[T, float], Awaitable[None]]
"""A function that returns an unprocessed item to the broker. The broker redelivers it after the given seconds."""


@dataclass(order=True, frozen=True, slots=True)
class _Queued(Generic[T]):
    sequence: int
    item: T = field(compare=False)


@dataclass(slots=True)
class _Lane(Generic[T]):
    queue: list[_Queued[T]] = field(default_factory=list)
    redelivery_at: dict[int, float] = field(default_factory=dict)
    """A mapping from the sequence of each item that was returned to the broker to the time of its redelivery.

    The time is a time of the event loop.
    """
    running: bool = False

    def discard_overdue(self, now: float) -> None:
        """Stop waiting for the redeliveries that are overdue at the time `now`."""
        for sequence in [
            nth for nth, at in self.redelivery_at.items() if at + _REDELIVERY_GRACE < now
        ]:
            del self.redelivery_at[sequence]

    def blocked_until(self, sequence: int) -> float | None:
        """Return the latest redelivery time of the items before `sequence`.

        Returns None if no item with a lower sequence than `sequence` is waiting for its redelivery.
        """
        return max((at for nth, at in self.redelivery_at.items() if nth < sequence), default=None)


class Lanes(Generic[T]):
    """Processes the items of each lane in order, and at most `concurrency` items at a time."""

    def __init__(self, process: Process[T], defer: Defer[T], concurrency: int) -> None:
        self._process = process
        self._defer = defer
        self._permits = asyncio.Semaphore(concurrency)
        self._lanes: dict[str, _Lane[T]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def is_empty(self) -> bool:
        """Whether no item is queued, running or waiting for its redelivery."""
        return not self._lanes

    def add(self, lane_key: str, sequence: int, item: T) -> None:
        """Queue an item in the lane `lane_key`. A redelivered item must have the same sequence as before."""
        lane = self._lanes.setdefault(lane_key, _Lane())
        lane.redelivery_at.pop(sequence, None)
        insort(lane.queue, _Queued(sequence, item))
        if not lane.running:
            lane.running = True
            task = asyncio.create_task(self._run(lane_key, lane))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def discard_overdue(self) -> None:
        """Stop waiting for overdue redeliveries, and drop the lanes that are then empty.

        Call this method periodically.
        """
        now = asyncio.get_running_loop().time()
        for key, lane in list(self._lanes.items()):
            lane.discard_overdue(now)
            self._drop_if_idle(key, lane)

    async def close(self) -> None:
        """Return the queued items to the broker, and wait until the running items are processed."""
        self._closed = True
        await self.until_idle()

    async def until_idle(self) -> None:
        """Wait until no item is queued or running."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def cancel(self) -> None:
        """Cancel all running and queued items."""
        for task in self._tasks:
            task.cancel()

    async def _run(self, key: str, lane: _Lane[T]) -> None:
        try:
            while lane.queue:
                queued = lane.queue.pop(0)
                await self._process_or_defer(lane, queued)
        finally:
            lane.running = False
            self._drop_if_idle(key, lane)

    async def _process_or_defer(self, lane: _Lane[T], queued: _Queued[T]) -> None:
        loop = asyncio.get_running_loop()
        lane.discard_overdue(loop.time())
        blocked_until = lane.blocked_until(queued.sequence)
        if blocked_until is not None:
            delay = max(0.0, blocked_until - loop.time()) + _DEFERRAL_MARGIN
            lane.redelivery_at[queued.sequence] = loop.time() + delay
            await self._defer(queued.item, delay)
            return
        async with self._permits:
            if self._closed:
                await self._defer(queued.item, 0.0)
                return
            retry_delay = await self._process(queued.item)
        if retry_delay is not None:
            lane.redelivery_at[queued.sequence] = loop.time() + retry_delay

    def _drop_if_idle(self, key: str, lane: _Lane[T]) -> None:
        is_idle = not lane.running and not lane.queue and not lane.redelivery_at
        if is_idle and self._lanes.get(key) is lane:
            del self._lanes[key]

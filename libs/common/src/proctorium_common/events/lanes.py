"""Lanes: the events of one aggregate one after the other, those of different ones side by side, within bounds.

When an event has to be tried again later, the later events of its aggregate are held back with it. This holds within
one process; another replica may be given the events in between, which is why handlers tolerate events out of order.
"""

from __future__ import annotations

import asyncio
from bisect import insort
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Generic, TypeVar

T = TypeVar("T")

_GRACE = 2.0
"""Seconds by which a held event may be late before others pass it: it may have gone to another replica."""
_BEHIND = 0.1
"""Seconds by which those behind a held event come after it."""

Work = Callable[[T], Awaitable[float | None]]
"""Do the work and return None, or the seconds after which the broker delivers the item again."""
HoldBack = Callable[[T, float], Awaitable[None]]
"""Returns the item to the broker for a time in seconds; the item itself did not fail."""


@dataclass(order=True, frozen=True, slots=True)
class _Waiting(Generic[T]):
    sequence: int
    item: T = field(compare=False)


@dataclass(slots=True)
class _Lane(Generic[T]):
    queue: list[_Waiting[T]] = field(default_factory=list)
    due: dict[int, float] = field(default_factory=dict)
    """When the events that were sent back come again, by sequence and the loop's time."""
    running: bool = False

    def forget_late(self, now: float) -> None:
        """Give up waiting for what is too late."""
        for sequence in [nth for nth, due in self.due.items() if due + _GRACE < now]:
            del self.due[sequence]

    def held_until(self, sequence: int) -> float | None:
        """When the last of the earlier events comes again, or None when nothing earlier is out."""
        return max((due for nth, due in self.due.items() if nth < sequence), default=None)


class Lanes(Generic[T]):
    """Items by lane and sequence; `work` for each, at most `side_by_side` at a time."""

    def __init__(self, work: Work[T], hold_back: HoldBack[T], side_by_side: int) -> None:
        self._work = work
        self._hold_back = hold_back
        self._slots = asyncio.Semaphore(side_by_side)
        self._lanes: dict[str, _Lane[T]] = {}
        self._tasks: set[asyncio.Task[None]] = set()
        self._closed = False

    @property
    def is_empty(self) -> bool:
        """Whether nothing is here, nor expected to come again."""
        return not self._lanes

    def offer(self, lane_key: str, sequence: int, item: T) -> None:
        """Take an item. The same sequence may come again after it was sent back."""
        lane = self._lanes.setdefault(lane_key, _Lane())
        lane.due.pop(sequence, None)
        insort(lane.queue, _Waiting(sequence, item))
        if not lane.running:
            lane.running = True
            task = asyncio.create_task(self._run(lane_key, lane))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    def forget_late(self) -> None:
        """Drop lanes that only wait for what will not come here any more; call it now and then."""
        now = asyncio.get_running_loop().time()
        for key, lane in list(self._lanes.items()):
            lane.forget_late(now)
            self._drop_if_idle(key, lane)

    async def close(self) -> None:
        """Let the running work end, and send back what has not started."""
        self._closed = True
        await self.until_idle()

    async def until_idle(self) -> None:
        """Wait until nothing runs or waits here."""
        while self._tasks:
            await asyncio.wait(self._tasks)

    def cancel(self) -> None:
        """End everything at once, begun or not."""
        for task in self._tasks:
            task.cancel()

    async def _run(self, key: str, lane: _Lane[T]) -> None:
        try:
            while lane.queue:
                waiting = lane.queue.pop(0)
                await self._next(lane, waiting)
        finally:
            lane.running = False
            self._drop_if_idle(key, lane)

    async def _next(self, lane: _Lane[T], waiting: _Waiting[T]) -> None:
        loop = asyncio.get_running_loop()
        lane.forget_late(loop.time())
        until = lane.held_until(waiting.sequence)
        if until is not None:
            delay = max(0.0, until - loop.time()) + _BEHIND
            lane.due[waiting.sequence] = loop.time() + delay
            await self._hold_back(waiting.item, delay)
            return
        async with self._slots:
            if self._closed:
                await self._hold_back(waiting.item, 0.0)
                return
            again = await self._work(waiting.item)
        if again is not None:
            lane.due[waiting.sequence] = loop.time() + again

    def _drop_if_idle(self, key: str, lane: _Lane[T]) -> None:
        if not lane.running and not lane.queue and not lane.due and self._lanes.get(key) is lane:
            del self._lanes[key]

"""Heartbeats of watches: neither side notices a network that drops packets, so silence itself has to mean something.

Nothing is started for a stream, and sending costs no more than reading the clock: a timer checks now and then how long
ago that was.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from types import TracebackType


class Heartbeat:
    """Wakes a watch on which nothing was sent for `every`; used within a block. `woken` is what the watch waits for."""

    __slots__ = ("_every", "_last", "_loop", "_timer", "_woken", "due")

    def __init__(self, woken: asyncio.Event, every: timedelta) -> None:
        self._woken = woken
        self._every = every.total_seconds()
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self.due = False
        """Whether something is to be sent though nothing happened."""

    def sent(self) -> None:
        """Something was sent just now."""
        self._last = self._loop.time()
        self.due = False

    def __enter__(self) -> Heartbeat:
        self._timer = self._loop.call_later(self._every, self._look)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()

    def _look(self) -> None:
        left = self._last + self._every - self._loop.time()
        if left <= 0:
            self.due = True
            self._woken.set()
        self._timer = self._loop.call_later(left if left > 0 else self._every, self._look)

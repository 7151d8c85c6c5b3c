"""Ends calls whose time is over.

A timer of the loop for each call costs microseconds to set and to cancel, and nearly every one is cancelled. Here calls lie in buckets of ten
milliseconds, and one timer, which runs only while there are any, empties the bucket whose time has come.
"""

from __future__ import annotations

import asyncio
import time
from typing import Protocol

_PER_SECOND = 100


class Timed(Protocol):
    """What has a deadline."""

    def expire(self) -> None:
        """Called when its time is over."""
        ...


class Deadlines:
    """Has what was added expire at its time, or at most two buckets later."""

    def __init__(self) -> None:
        self._buckets: dict[int, set[Timed]] = {}
        self._next = 0
        self._timer: asyncio.TimerHandle | None = None

    def add(self, timed: Timed, deadline: float) -> int:
        """Has `timed` expire at `deadline` (by `time.monotonic()`); answers the place that `remove` wants to know."""
        if self._timer is None:
            self._next = int(time.monotonic() * _PER_SECOND)
            self._wait()
        # What is over already goes into the next bucket that is emptied.
        place = max(int(deadline * _PER_SECOND) + 1, self._next)
        bucket = self._buckets.get(place)
        if bucket is None:
            bucket = self._buckets[place] = set()
        bucket.add(timed)
        return place

    def remove(self, timed: Timed, place: int) -> None:
        """Forgets what was added; nothing happens if its time was over already."""
        bucket = self._buckets.get(place)
        if bucket is not None:
            bucket.discard(timed)

    def _wait(self) -> None:
        self._timer = asyncio.get_running_loop().call_later(1 / _PER_SECOND, self._empty_due)

    def _empty_due(self) -> None:
        now = int(time.monotonic() * _PER_SECOND)
        for place in range(self._next, now + 1):
            for timed in self._buckets.pop(place, ()):
                timed.expire()
        self._next = now + 1
        self._timer = None
        if self._buckets:
            self._wait()

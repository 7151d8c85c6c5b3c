"""Heartbeats of server streams. A client that receives no heartbeats can conclude that its connection is broken.

A stream needs no additional task for its heartbeats. The stream stores the time at which it sends a message, and a
timer checks the stored time periodically.
"""

from __future__ import annotations

import asyncio
from datetime import timedelta
from types import TracebackType


class Heartbeat:
    """A context manager that sets the event `woken` when a stream has sent nothing for the duration `every`.

    The code of the stream waits for `woken`, and then sends a heartbeat if `due` is true.
    """

    __slots__ = ("_every", "_last", "_loop", "_timer", "_woken", "due")

    def __init__(self, woken: asyncio.Event, every: timedelta) -> None:
        self._woken = woken
        self._every = every.total_seconds()
        self._loop = asyncio.get_running_loop()
        self._last = self._loop.time()
        self.due = False
        """Whether a heartbeat has to be sent now."""

    def sent(self) -> None:
        """Record that a message was sent."""
        self._last = self._loop.time()
        self.due = False

    def __enter__(self) -> Heartbeat:
        self._timer = self._loop.call_later(self._every, self._check)
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._timer.cancel()

    def _check(self) -> None:
        left = self._last + self._every - self._loop.time()
        if left <= 0:
            self.due = True
            self._woken.set()
        self._timer = self._loop.call_later(left if left > 0 else self._every, self._check)

"""Cancellation of tasks."""

from __future__ import annotations

import asyncio

_RETRY_SECONDS = 2.0


async def end(*tasks: asyncio.Task[None]) -> None:
    """Cancel `tasks` and wait until they have ended, without raising their exceptions.

    A task that has not ended is cancelled again every two seconds. The reason is that `asyncio.wait_for` in Python
    before 3.12 loses a cancellation that arrives when the awaited result is ready
    (https://github.com/python/cpython/issues/86296).
    """
    alive = {task for task in tasks if not task.done()}
    while alive:
        for task in alive:
            task.cancel()
        _, alive = await asyncio.wait(alive, timeout=_RETRY_SECONDS)

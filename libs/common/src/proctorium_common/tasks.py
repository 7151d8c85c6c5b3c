"""Ending tasks that would go on."""

from __future__ import annotations

import asyncio

_AGAIN_SECONDS = 2.0


async def end(*tasks: asyncio.Task[None]) -> None:
    """Cancel `tasks` and return when they have ended; how they ended is for others to look at.

    Cancels again what did not end: a library that waits by `asyncio.wait_for` loses a cancellation that comes at the
    moment of what it waits for (Python before 3.12, https://github.com/python/cpython/issues/86296).
    """
    alive = {task for task in tasks if not task.done()}
    while alive:
        for task in alive:
            task.cancel()
        _, alive = await asyncio.wait(alive, timeout=_AGAIN_SECONDS)

"""A function that polls until a service has handled the event of another service, or a timeout has elapsed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

Found = TypeVar("Found")

TIMEOUT_SECONDS = 20.0
_POLL_INTERVAL_SECONDS = 0.05


async def eventually(
    find: Callable[[], Awaitable[Found | None]], what: str, timeout: float = TIMEOUT_SECONDS
) -> Found:
    """Poll `find` until its result is not None, and return the result.

    Raises TimeoutError with a message that contains `what`.
    """
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    while (found := await find()) is None:
        if loop.time() > deadline:
            raise TimeoutError(f"waited {timeout:.0f} s for {what}")
        await asyncio.sleep(_POLL_INTERVAL_SECONDS)
    return found

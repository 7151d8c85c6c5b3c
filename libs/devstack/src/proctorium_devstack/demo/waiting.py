"""Waiting for what an event will bring about in another service: by looking again, for a bounded time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

Found = TypeVar("Found")

PATIENCE_SECONDS = 20.0
_PAUSE_SECONDS = 0.05


async def eventually(
    look: Callable[[], Awaitable[Found | None]], what: str, patience: float = PATIENCE_SECONDS
) -> Found:
    """The first answer of `look` that is not None; TimeoutError naming `what` after `patience` seconds."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + patience
    while (found := await look()) is None:
        if loop.time() > deadline:
            raise TimeoutError(f"waited {patience:.0f} s for {what}")
        await asyncio.sleep(_PAUSE_SECONDS)
    return found

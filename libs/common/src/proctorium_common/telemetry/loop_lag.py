"""The lag of the event loop, which grows if code runs for a long time without an await."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable

_INTERVAL_SECONDS = 0.25


async def measure_loop_lag(
    record: Callable[[float], None],
    *,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    monotonic: Callable[[], float] = time.monotonic,
) -> None:
    """Call `record` four times a second with the delay of a timer of the event loop in seconds, until cancelled."""
    while True:
        due = monotonic() + _INTERVAL_SECONDS
        await sleep(_INTERVAL_SECONDS)
        record(max(0.0, monotonic() - due))

"""Functions that wait until a condition is true, for example a condition of a database or another process."""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import AsyncIterable, Awaitable, Callable
from typing import TypeVar, overload

T = TypeVar("T")

TIMEOUT = 60.0
"""The time to wait for a condition, in seconds. The value is large enough for a busy machine."""


@overload
async def until(condition: Callable[[], Awaitable[T]], timeout: float = ...) -> T: ...
@overload
async def until(condition: Callable[[], T], timeout: float = ...) -> T: ...
async def until(condition: Callable[[], object], timeout: float = TIMEOUT) -> object:
    """Poll `condition` until its result is true, and return this result.

    `condition` is a function or a coroutine function. Raises TimeoutError with the name of `condition` after `timeout`
    seconds.
    """
    try:
        async with asyncio.timeout(timeout):
            while True:
                found = condition()
                if inspect.isawaitable(found):
                    found = await found
                if found:
                    return found
                await asyncio.sleep(0.02)
    except TimeoutError as late:
        name = getattr(condition, "__qualname__", repr(condition))
        raise TimeoutError(f"waited {timeout:g} s for {name}") from late


async def next_response(call: AsyncIterable[T]) -> T:
    """Return the next response of a stream. Raises TimeoutError if no response arrives in time."""
    async with asyncio.timeout(TIMEOUT):
        return await anext(aiter(call))

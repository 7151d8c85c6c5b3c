"""Streams that are read in the background, so that a client can make calls meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable
from typing import Generic, TypeVar

from proctorium_common.errors import Kind, ServiceError
from proctorium_common.tasks import end

Message = TypeVar("Message")

PATIENCE_SECONDS = 20.0


class Watch(Generic[Message]):
    """A server stream that is read in the background and reopened with its cursor when it breaks.

    `open_stream(cursor)` opens it; `cursor_of` reads the cursor of a message; `renew` gets a new token when the
    stream's token has expired.
    """

    def __init__(
        self,
        open_stream: Callable[[str], AsyncIterable[Message]],
        cursor_of: Callable[[Message], str] = lambda _: "",
        renew: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._open = open_stream
        self._cursor_of = cursor_of
        self._renew = renew
        self._changed = asyncio.Condition()
        self.received: list[Message] = []
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            await self._read()
        finally:
            # Waiting readers must learn that the stream has ended.
            async with self._changed:
                self._changed.notify_all()

    async def _read(self) -> None:
        cursor = ""
        while True:
            try:
                async for view in self._open(cursor):
                    cursor = self._cursor_of(view)
                    async with self._changed:
                        self.received.append(view)
                        self._changed.notify_all()
            except ServiceError as error:
                if error.reason == "TOKEN_EXPIRED" and self._renew is not None:
                    await self._renew()
                    continue
                if error.kind is not Kind.UNAVAILABLE:
                    raise
                # A connection has a finite life, so a client reconnects after a pause.
                await asyncio.sleep(0.1)
            else:
                return

    async def until(
        self, condition: Callable[[Message], bool], what: str, patience: float = PATIENCE_SECONDS
    ) -> Message:
        """Return the first message, received already or later, for which `condition` holds."""
        seen = 0
        try:
            async with asyncio.timeout(patience), self._changed:
                while True:
                    for view in self.received[seen:]:
                        if condition(view):
                            return view
                    seen = len(self.received)
                    await self._next_change()
        except TimeoutError:
            last = self.received[-1] if self.received else "nothing"
            raise TimeoutError(f"waited {patience:.0f} s to receive {what}; last: {last}") from None

    async def _next_change(self) -> None:
        if self._task.done():
            self._task.result()
            raise AssertionError(f"the stream has ended; last: {self.received[-1:]}")
        await self._changed.wait()

    async def close(self) -> None:
        """Close the stream."""
        await end(self._task)

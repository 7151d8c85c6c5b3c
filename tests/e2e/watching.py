"""Read streams in the background, so that a client can make calls at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable
from typing import Generic, TypeVar

from proctorium_common.errors import Kind, ServiceError
from proctorium_common.tasks import end

Message = TypeVar("Message")

PATIENCE_SECONDS = 20.0


class Watch(Generic[Message]):
    """A server stream that is read in the background. If the stream breaks, it is reopened at the last cursor.

    `open_stream(cursor)` opens the stream, and `cursor_of` returns the cursor of a message. `renew` is called to get a
    new token when the token of the stream has expired.
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
            # Wake the tasks that wait in `until`, which then raise because the stream has ended.
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
                # The stream may have failed because the server closes old connections. Open the stream again after a
                # pause.
                await asyncio.sleep(0.1)
            else:
                return

    async def until(
        self,
        condition: Callable[[Message], bool],
        what: str,
        patience: float = PATIENCE_SECONDS,
        *,
        after: int = 0,
    ) -> Message:
        """Return the first message of the stream that meets `condition`; wait if there is none yet.

        The first `after` messages of the stream are skipped. Raises TimeoutError after `patience` seconds. If the
        stream has ended, raises the error of the stream, or AssertionError if the stream ended without an error.
        """
        seen = after
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

"""Open streams of the story's people: what they were shown, in order, while they go on with other things."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, Awaitable, Callable
from typing import Generic, TypeVar

from proctorium_common.errors import Kind, ServiceError
from proctorium_common.tasks import end

Shown = TypeVar("Shown")

PATIENCE_SECONDS = 20.0


class Watch(Generic[Shown]):
    """A server stream that is read in the background and reopened with its cursor when it breaks.

    `open_stream(cursor)` opens it; `cursor_of` reads the cursor of what was shown; `renew` gets a fresh token when the
    one that it was opened with is over.
    """

    def __init__(
        self,
        open_stream: Callable[[str], AsyncIterable[Shown]],
        cursor_of: Callable[[Shown], str] = lambda _: "",
        renew: Callable[[], Awaitable[None]] | None = None,
    ) -> None:
        self._open = open_stream
        self._cursor_of = cursor_of
        self._renew = renew
        self._news = asyncio.Condition()
        self.shown: list[Shown] = []
        self._task = asyncio.create_task(self._run())

    async def _run(self) -> None:
        try:
            await self._read()
        finally:
            # Waiting readers must learn that the stream has ended.
            async with self._news:
                self._news.notify_all()

    async def _read(self) -> None:
        cursor = ""
        while True:
            try:
                async for view in self._open(cursor):
                    cursor = self._cursor_of(view)
                    async with self._news:
                        self.shown.append(view)
                        self._news.notify_all()
            except ServiceError as broken:
                if broken.reason == "TOKEN_EXPIRED" and self._renew is not None:
                    await self._renew()
                    continue
                if broken.kind is not Kind.UNAVAILABLE:
                    raise
                # A connection has a finite life: a client comes back, unhurriedly.
                await asyncio.sleep(0.1)
            else:
                return

    async def until(
        self, condition: Callable[[Shown], bool], what: str, patience: float = PATIENCE_SECONDS
    ) -> Shown:
        """The first of what was shown, so far or from now on, for which `condition` holds."""
        seen = 0
        try:
            async with asyncio.timeout(patience), self._news:
                while True:
                    for view in self.shown[seen:]:
                        if condition(view):
                            return view
                    seen = len(self.shown)
                    await self._next_news()
        except TimeoutError:
            last = self.shown[-1] if self.shown else "nothing"
            raise TimeoutError(
                f"waited {patience:.0f} s to be shown {what}; last: {last}"
            ) from None

    async def _next_news(self) -> None:
        if self._task.done():
            self._task.result()
            raise AssertionError(f"the stream has ended; last: {self.shown[-1:]}")
        await self._news.wait()

    async def close(self) -> None:
        """Hangs up."""
        await end(self._task)

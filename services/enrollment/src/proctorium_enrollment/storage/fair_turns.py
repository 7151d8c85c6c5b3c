"""Turns at something that few can do at once, fair between those who wait: who sends many keeps only their own waiting."""

from __future__ import annotations

import asyncio
from collections import Counter, OrderedDict, deque
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager


class NoPlaceError(Exception):
    """As many wait as may: all together, or of one group."""


class FairTurns:
    """At most `places` are inside, `most_of_one` of each group; of them `at_once` have their turn, the groups one after the other."""

    def __init__(self, *, at_once: int, places: int, most_of_one: int) -> None:
        self._idle = at_once
        self._places, self._most_of_one = places, most_of_one
        self._inside: Counter[str] = Counter()
        self._waiting: OrderedDict[str, deque[asyncio.Future[None]]] = OrderedDict()

    @contextmanager
    def place(self, group: str) -> Iterator[None]:
        """Takes a place for the block, in which any number of turns can be waited for. Raises NoPlaceError."""
        if self._inside[group] >= self._most_of_one or self._inside.total() >= self._places:
            raise NoPlaceError
        self._inside[group] += 1
        try:
            yield
        finally:
            self._inside[group] -= 1
            if not self._inside[group]:
                del self._inside[group]

    @asynccontextmanager
    async def turn(self, group: str) -> AsyncIterator[None]:
        """The block has its turn; whoever stops waiting gives it on."""
        await self._wait(group)
        try:
            yield
        finally:
            self._pass_on()

    async def _wait(self, group: str) -> None:
        if self._idle:
            self._idle -= 1
            return
        called = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(group, deque()).append(called)
        try:
            await called
        except asyncio.CancelledError:
            if called.cancelled():
                self._leave(group, called)
            else:
                self._pass_on()
            raise

    def _leave(self, group: str, called: asyncio.Future[None]) -> None:
        # A turn may have passed by who has just stopped waiting: then they are out already.
        waiting = self._waiting.get(group)
        if waiting is None or called not in waiting:
            return
        waiting.remove(called)
        if not waiting:
            del self._waiting[group]

    def _pass_on(self) -> None:
        """Calls the first of the group whose turn it is; the group's others come after all other groups."""
        while self._waiting:
            group, waiting = self._waiting.popitem(last=False)
            called = waiting.popleft()
            if waiting:
                self._waiting[group] = waiting
            if not called.done():
                called.set_result(None)
                return
        self._idle += 1

"""Turns at something that few can do at once, fair between groups: whoever sends much keeps only their own waiting."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import Callable, Hashable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Generic, TypeVar

T = TypeVar("T")
Group = TypeVar("Group", bound=Hashable)


class NoPlaceError(Exception):
    """As many are inside as may: all together, or of one group."""


class NoTurnError(Exception):
    """The turn did not come in time."""


class FairTurns(Generic[Group]):
    """`at_once` have their turn, `at_once_of_one` of each group; whose group has had one comes behind all others who wait.

    For one event loop: nothing here is awaited between looking and writing.
    """

    def __init__(
        self,
        at_once: int,
        *,
        at_once_of_one: int | None = None,
        places: int | None = None,
        most_of_one: int | None = None,
    ) -> None:
        """`places` are there for all who wait or have their turn, `most_of_one` of them for each group; None: as many as come."""
        self._idle = at_once
        self._at_once_of_one = at_once_of_one or at_once
        self._places, self._most_of_one = places, most_of_one
        self._inside: Counter[Group] = Counter()
        self._having: Counter[Group] = Counter()
        self._waiting: dict[Group, deque[asyncio.Future[None]]] = {}
        """Those who wait, by group; the groups in the order of their turns."""

    @contextmanager
    def place(self, group: Group) -> Iterator[None]:
        """Takes a place for the block, in which any number of turns can be taken. Raises NoPlaceError."""
        if _full(self._inside.total(), self._places) or _full(
            self._inside[group], self._most_of_one
        ):
            raise NoPlaceError
        self._inside[group] += 1
        try:
            yield
        finally:
            _less(self._inside, group)

    async def take(self, group: Group, *, patience: float | None = None) -> None:
        """Returns when it is the group's turn, which `give_back` ends. Raises NoTurnError after `patience` seconds."""
        turn = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(group, deque()).append(turn)
        self._call()
        try:
            async with asyncio.timeout(patience):
                await turn
        except BaseException as gone:
            self._leave(group, turn)
            if isinstance(gone, TimeoutError):
                raise NoTurnError from gone
            raise

    def give_back(self, group: Group) -> None:
        """A turn that the group had is over."""
        self._idle += 1
        _less(self._having, group)
        self._to_the_end(group)
        self._call()

    def _call(self) -> None:
        while self._idle and (group := self._next()) is not None:
            turn = self._waiting[group].popleft()
            self._to_the_end(group)
            if not turn.done():  # whoever is being cancelled leaves only a moment later
                self._idle -= 1
                self._having[group] += 1
                turn.set_result(None)

    def _next(self) -> Group | None:
        mays = (each for each in self._waiting if self._having[each] < self._at_once_of_one)
        return next(mays, None)

    def _to_the_end(self, group: Group) -> None:
        if line := self._waiting.pop(group, None):
            self._waiting[group] = line

    def _leave(self, group: Group, turn: asyncio.Future[None]) -> None:
        """Whoever waited is gone: out of the line, or with a turn that came at the same moment and is given on."""
        if turn.done() and not turn.cancelled():
            self.give_back(group)
        elif turn in (line := self._waiting.get(group, deque())):
            line.remove(turn)
            if not line:
                del self._waiting[group]


class FairThreads(FairTurns[Group]):
    """As many threads as have their turn at once. A turn lasts as long as its work, also when its caller has gone: whoever hangs up
    gains nothing by it.
    """

    def __init__(
        self,
        name: str,
        at_once: int,
        *,
        at_once_of_one: int | None = None,
        places: int | None = None,
        most_of_one: int | None = None,
    ) -> None:
        """`name` is what the threads' names begin with; the rest as in `FairTurns`."""
        super().__init__(
            at_once, at_once_of_one=at_once_of_one, places=places, most_of_one=most_of_one
        )
        self._threads = ThreadPoolExecutor(at_once, name)

    async def run(self, group: Group, work: Callable[[], T], *, patience: float | None = None) -> T:
        """What `work` returns, called in a thread when it is the group's turn. Raises NoTurnError after `patience` seconds without one."""
        await self.take(group, patience=patience)
        try:
            running = asyncio.get_running_loop().run_in_executor(self._threads, work)
        except RuntimeError:  # closed
            self.give_back(group)
            raise
        running.add_done_callback(lambda _: self.give_back(group))
        return await asyncio.shield(running)

    async def close(self) -> None:
        """Returns when the work under way is done; what waits for a turn is not begun."""
        await asyncio.to_thread(self._threads.shutdown)


def _full(inside: int, places: int | None) -> bool:
    return places is not None and inside >= places


def _less(counts: Counter[Group], group: Group) -> None:
    counts[group] -= 1
    if not counts[group]:
        del counts[group]

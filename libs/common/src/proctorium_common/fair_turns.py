"""Turns at something that few can do at once, fair between groups: whoever sends much keeps only their own waiting."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")
Group = TypeVar("Group", bound=Hashable)


class NoPlaceError(Exception):
    """As many wait or have their turn as may."""


class GroupFullError(NoPlaceError):
    """As many of the group wait or have their turn as may."""


class NoTurnError(Exception):
    """The turn did not come in time."""


class FairTurns(Generic[Group]):
    """`at_once` have their turn, `at_once_of_one` of each group; whose group has had one comes behind all others who wait.

    `places` are there for all who wait or have their turn, `most_of_one` of them for each group (None: as many as come). When all are
    taken, whoever comes of a group that has few takes the place of the last who waits of the one that has most.

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
        self._idle = at_once
        self._at_once_of_one = at_once_of_one or at_once
        self._places, self._most_of_one = places, most_of_one
        self._inside: Counter[Group] = Counter()
        self._having: Counter[Group] = Counter()
        self._waiting: dict[Group, deque[asyncio.Future[None]]] = {}
        """Those who wait, by group; the groups in the order of their turns."""

    async def take(self, group: Group, *, patience: float | None = None) -> None:
        """Returns when it is the group's turn, which `give_back` ends.

        Raises GroupFullError; NoPlaceError, also while waiting; NoTurnError after `patience` seconds.
        """
        self._make_room(group)
        turn = asyncio.get_running_loop().create_future()
        self._inside[group] += 1
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
        _less(self._inside, group)
        _less(self._having, group)
        self._to_the_end(group)
        self._call()

    def _make_room(self, group: Group) -> None:
        inside = self._inside[group]
        if self._most_of_one is not None and inside >= self._most_of_one:
            raise GroupFullError
        if self._places is None or self._inside.total() < self._places:
            return
        most = max(self._waiting, key=self._inside.__getitem__, default=group)
        if self._inside[most] <= inside + 1:
            raise NoPlaceError
        self._push_out(most)

    def _push_out(self, group: Group) -> None:
        last = self._waiting[group][-1]
        self._leave(group, last)
        if not last.done():  # else it is being cancelled
            last.set_exception(NoPlaceError())

    def _call(self) -> None:
        while self._idle and (group := self._next()) is not None:
            turn = self._waiting[group][0]
            if turn.done():  # whoever is being cancelled leaves only a moment later
                self._leave(group, turn)
                continue
            self._out_of_line(group, turn)
            self._to_the_end(group)
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
        if turn.done() and not turn.cancelled() and turn.exception() is None:
            self.give_back(group)
        elif self._out_of_line(group, turn):
            _less(self._inside, group)

    def _out_of_line(self, group: Group, turn: asyncio.Future[None]) -> bool:
        line = self._waiting.get(group, deque())
        if turn not in line:
            return False
        line.remove(turn)
        if not line:
            del self._waiting[group]
        return True


class Run(Protocol):
    """Calls something in a thread that is there for this turn."""

    async def __call__(self, work: Callable[[], T], /) -> T:
        """What `work` returns, or raises."""
        ...


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

    @asynccontextmanager
    async def turn(self, group: Group, *, patience: float | None = None) -> AsyncIterator[Run]:
        """The group's turn, with the call that does its work, one after the other. Raises as `take`; RuntimeError after `close`."""
        await self.take(group, patience=patience)
        working: asyncio.Future[object] | None = None

        async def run(work: Callable[[], T], /) -> T:
            nonlocal working
            doing = asyncio.get_running_loop().run_in_executor(self._threads, work)
            working = doing  # type: ignore[assignment]  # futures are invariant
            return await asyncio.shield(doing)

        try:
            yield run
        finally:
            if working is None or working.done():
                self.give_back(group)
            else:
                working.add_done_callback(lambda _: self.give_back(group))

    async def run(self, group: Group, work: Callable[[], T], *, patience: float | None = None) -> T:
        """What `work` returns, called in the group's turn."""
        async with self.turn(group, patience=patience) as run:
            return await run(work)

    async def close(self) -> None:
        """Returns when the work under way is done; what waits for a turn is not begun."""
        # At once, and not when a thread comes round to it: what is under way may end before, and would let the next begin.
        self._threads.shutdown(wait=False)
        await asyncio.to_thread(self._threads.shutdown)


def _less(counts: Counter[Group], group: Group) -> None:
    counts[group] -= 1
    if not counts[group]:
        del counts[group]

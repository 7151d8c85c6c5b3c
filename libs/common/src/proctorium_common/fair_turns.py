"""Concurrency limiters that are fair between groups: a busy group delays only itself."""

from __future__ import annotations

import asyncio
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from typing import Generic, Protocol, TypeVar

T = TypeVar("T")
Group = TypeVar("Group", bound=Hashable)


class QueueFullError(Exception):
    """The limiter is full."""


class GroupFullError(QueueFullError):
    """The group has used up its places in the limiter."""


class PermitTimeoutError(Exception):
    """No permit became free in time."""


class FairTurns(Generic[Group]):
    """Limits concurrency to `at_once`, and to `at_once_of_one` for each group. Waiting groups take turns.

    At most `places` callers wait or run, at most `most_of_one` of them from one group (None: no limit). When all places are taken, a
    caller from a group with few takes the place of the last waiting caller of the group with the most.

    For one event loop: state is never read and written with an await in between.
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
        """Waiting callers by group, in the order in which the groups are served."""

    async def take(self, group: Group, *, patience: float | None = None) -> None:
        """Wait for a turn of the group and take it; end it with `give_back`.

        Raises GroupFullError; QueueFullError, also while waiting; PermitTimeoutError after `patience` seconds.
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
                raise PermitTimeoutError from gone
            raise

    def give_back(self, group: Group) -> None:
        """End a turn of the group."""
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
            raise QueueFullError
        self._push_out(most)

    def _push_out(self, group: Group) -> None:
        last = self._waiting[group][-1]
        self._leave(group, last)
        if not last.done():  # else it is being cancelled
            last.set_exception(QueueFullError())

    def _call(self) -> None:
        while self._idle and (group := self._next()) is not None:
            turn = self._waiting[group][0]
            if turn.done():  # cancelled, but its task has not run since
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
        """Remove a caller that stopped waiting; a turn that it was given at the same moment is passed on."""
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
    """Calls a function in the thread that belongs to this turn."""

    async def __call__(self, work: Callable[[], T], /) -> T:
        """Return what `work` returns."""
        ...


class FairThreads(FairTurns[Group]):
    """One thread for each concurrent turn. A turn lasts as long as its work, even if its caller is cancelled, so that cancelling gains no
    further turn.
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
        """`name` is the prefix of the threads' names; the rest is as in `FairTurns`."""
        super().__init__(
            at_once, at_once_of_one=at_once_of_one, places=places, most_of_one=most_of_one
        )
        self._threads = ThreadPoolExecutor(at_once, name)

    @asynccontextmanager
    async def turn(self, group: Group, *, patience: float | None = None) -> AsyncIterator[Run]:
        """Hold a turn of the group and yield a function that runs work in its thread, one call at a time.

        Raises as `take`, and RuntimeError after `close`.
        """
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
        """Run `work` in a turn of the group and return its result."""
        async with self.turn(group, patience=patience) as run:
            return await run(work)

    async def close(self) -> None:
        """Wait for the running work to end; work that waits for a turn does not start."""
        # Shut down here already, not only in the thread: running work may end before the thread starts, and the next would start.
        self._threads.shutdown(wait=False)
        await asyncio.to_thread(self._threads.shutdown)


def _less(counts: Counter[Group], group: Group) -> None:
    counts[group] -= 1
    if not counts[group]:
        del counts[group]

"""Natural group commit: while one transaction commits, the next one's items gather. No timer, no delay when idle."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Hashable, Sequence
from contextvars import copy_context
from dataclasses import dataclass
from typing import Generic, TypeVar

from proctorium_common.errors import Kind, ServiceError, unavailable
from proctorium_common.storage import spans

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class _Waiting(Generic[T, R]):
    item: T
    answer: asyncio.Future[R]


class Batcher(Generic[T, R]):
    """Saves many callers' items in few transactions.

    `flush` saves a list of items in one transaction and returns one result for each, in their order; it runs in a task
    of its own, in the context that this object was made in (make it when the service is wired, not in a call). When it
    raises, the items are saved one by one, so that each caller receives its own failure only. An item may be saved in a
    batch although its caller has gone: cancelling stops the waiting.

    While a commit takes long, more of them, up to `at_once`, run concurrently, each with at least `enough` items: fewer
    wait for the next, because what one commit costs is spared by all of its items. Items of the same `key` are never in
    two at once, and are saved in the order in which they came; with `one_per_key`, a batch has at most one item of each
    key.

    With `linger`, items that arrive within so many seconds after a batch wait for each other: under load that makes
    batches larger, and an item that arrives when nothing is under way never waits.
    """

    def __init__(
        self,
        flush: Callable[[list[T]], Awaitable[list[R]]],
        limit: int = 64,
        *,
        at_once: int = 1,
        enough: int = 1,
        key: Callable[[T], Hashable] | None = None,
        one_per_key: bool = False,
        linger: float = 0,
    ) -> None:
        self._flush = flush
        self._limit = limit
        self._at_once = at_once
        self._enough = enough
        self._key = key
        self._one_per_key = one_per_key
        self._linger = linger
        self._queue: deque[_Waiting[T, R]] = deque()
        self._flushers: set[asyncio.Task[None]] = set()
        self._busy: set[Hashable] = set()
        self._closed = False
        # The work of a batch belongs to no single caller's call or trace.
        self._context = copy_context()

    async def submit(self, item: T) -> R:
        """Return the result of saving `item` after its commit. Raises what saving raised; UNAVAILABLE after `close`."""
        if self._closed:
            raise unavailable("SHUTTING_DOWN", "The service is shutting down; try again.")
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(item, answer))
        if self._is_worth_a_flush(others=len(self._flushers)):
            flusher = asyncio.create_task(self._run(), context=self._context.copy())
            self._flushers.add(flusher)
        with spans.recorded("db.batcher"):
            return await answer

    async def close(self) -> None:
        """Refuse new items and return when all that were taken are saved or have failed."""
        self._closed = True
        if self._flushers:
            await asyncio.wait(self._flushers)

    async def _run(self) -> None:
        try:
            while self._is_worth_a_flush(others=len(self._flushers) - 1):
                batch = self._next_batch()
                if not batch:
                    break
                keys = self._claim(batch)
                try:
                    await self._save(batch)
                finally:
                    self._busy -= keys
                if self._linger:
                    await asyncio.sleep(self._linger)
        finally:
            # Nothing is awaited between the last look at the queue and here, so no item can come unnoticed. What is
            # left in it is taken by those who are still at work: the last of them leaves nothing.
            flusher = asyncio.current_task()
            assert flusher is not None, "a flusher is a task"
            self._flushers.discard(flusher)
            if not self._flushers:
                self._abandon()

    def _is_worth_a_flush(self, others: int) -> bool:
        """Return whether to start a flush beside `others`."""
        return others == 0 or (others < self._at_once and len(self._queue) >= self._enough)

    def _next_batch(self) -> list[_Waiting[T, R]]:
        batch: list[_Waiting[T, R]] = []
        passed: list[_Waiting[T, R]] = []
        taken: set[Hashable] = set()
        while self._queue and len(batch) < self._limit:
            waiting = self._queue.popleft()
            if waiting.answer.done():  # its caller was cancelled before it was saved
                continue
            key = None if self._key is None else self._key(waiting.item)
            busy = self._key is not None and (key in self._busy or key in taken)
            (passed if busy else batch).append(waiting)
            if self._one_per_key:
                taken.add(key)
        self._queue.extendleft(reversed(passed))
        return batch

    def _claim(self, batch: Sequence[_Waiting[T, R]]) -> set[Hashable]:
        key = self._key
        keys = set() if key is None else {key(waiting.item) for waiting in batch}
        self._busy |= keys
        return keys

    async def _save(self, batch: Sequence[_Waiting[T, R]]) -> None:
        try:
            results = await self._flush([waiting.item for waiting in batch])
            if len(results) != len(batch):
                raise RuntimeError(f"{len(batch)} items were flushed and {len(results)} answered")
        except Exception as error:  # noqa: BLE001 - whatever it is, it is handed to whom it concerns
            if len(batch) == 1:
                _fail(batch, error)
            else:
                await self._save_one_by_one(batch)
        except BaseException:
            _fail(batch, _interrupted())
            raise
        else:
            for waiting, result in zip(batch, results, strict=True):
                if not waiting.answer.done():
                    waiting.answer.set_result(result)

    async def _save_one_by_one(self, batch: Sequence[_Waiting[T, R]]) -> None:
        """Save each item alone to find the failing one; after two UNAVAILABLE in a row, fail the rest with it."""
        before: BaseException | None = None
        for at, waiting in enumerate(batch):
            await self._save([waiting])
            answer = waiting.answer
            failure = None if answer.cancelled() else answer.exception()
            if _is_unavailable(failure) and _is_unavailable(before):
                _fail(batch[at + 1 :], failure)
                return
            before = failure

    def _abandon(self) -> None:
        """Fail the items that still wait when the flusher was cancelled."""
        while self._queue:
            _fail([self._queue.popleft()], _interrupted())


def _fail(batch: Sequence[_Waiting[T, R]], error: BaseException | None) -> None:
    for waiting in batch:
        if error is not None and not waiting.answer.done():
            waiting.answer.set_exception(error)


def _is_unavailable(error: BaseException | None) -> bool:
    return isinstance(error, ServiceError) and error.kind is Kind.UNAVAILABLE


def _interrupted() -> ServiceError:
    return unavailable(
        "SHUTTING_DOWN", "The service stopped while it was saving; ask again with the same request."
    )

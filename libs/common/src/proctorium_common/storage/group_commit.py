"""Natural group commit: while one transaction commits, the next one's items gather. No timer, no delay when idle."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
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


class GroupCommit(Generic[T, R]):
    """Saves many callers' items in few transactions.

    `flush` saves a list of items in one transaction and answers one result for each, in their order; it runs in a task of its
    own, in the context that this object was made in (make it when the service is wired, not in a call). When it raises, the items are saved one by one, so that each caller is told of its own
    failure only. An item may be saved in a batch although its caller has gone: cancelling stops the waiting.
    """

    def __init__(self, flush: Callable[[list[T]], Awaitable[list[R]]], limit: int = 64) -> None:
        self._flush = flush
        self._limit = limit
        self._queue: deque[_Waiting[T, R]] = deque()
        self._flusher: asyncio.Task[None] | None = None
        self._closed = False
        # The work of a batch belongs to no single caller's call or trace.
        self._context = copy_context()

    async def submit(self, item: T) -> R:
        """The result of saving `item`, after its commit. Raises what saving it raised; UNAVAILABLE after `close`."""
        if self._closed:
            raise unavailable("SHUTTING_DOWN", "The service is shutting down; try again.")
        answer: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._queue.append(_Waiting(item, answer))
        if self._flusher is None:
            self._flusher = asyncio.create_task(self._run(), context=self._context.copy())
        with spans.recorded("db.group_commit"):
            return await answer

    async def close(self) -> None:
        """Refuses new items and returns when all that were taken are saved or have failed."""
        self._closed = True
        if self._flusher is not None:
            await asyncio.wait([self._flusher])

    async def _run(self) -> None:
        try:
            while batch := self._next_batch():
                await self._save(batch)
        finally:
            # Nothing is awaited between the empty queue and here, so no item can come unnoticed.
            self._flusher = None
            self._abandon()

    def _next_batch(self) -> list[_Waiting[T, R]]:
        batch: list[_Waiting[T, R]] = []
        while self._queue and len(batch) < self._limit:
            waiting = self._queue.popleft()
            if not waiting.answer.done():  # its caller was cancelled before anything was begun
                batch.append(waiting)
        return batch

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
        """Finds whose failure it was. Two in a row that say "unavailable" mean all: the rest is not made to wait for it."""
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
        """Tells whoever still waits when the flusher was ended from outside."""
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

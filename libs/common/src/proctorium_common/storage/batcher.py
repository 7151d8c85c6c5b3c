"""The batcher, which saves the items of concurrent callers in shared transactions (group commit).

Items that arrive while a transaction commits share the next transaction. If no transaction is running, an item is saved
without waiting for other items.
"""

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
class _Pending(Generic[T, R]):
    item: T
    result: asyncio.Future[R]


class Batcher(Generic[T, R]):
    """Saves the items of many callers in few transactions.

    `flush` saves a batch of up to `max_items` items in one transaction and returns one result per item, in order.
    `flush` runs in a separate task, in the context in which the batcher was created. Therefore create the batcher when
    the service is wired, and not within a call. If `flush` raises an exception, the items are saved one by one, so that
    each caller receives only the error of its own item. If a caller is cancelled, its item may still be saved.

    Up to `concurrency` batches are saved concurrently. While a batch is being saved, another batch starts only if at
    least `min_items` items are queued, because larger batches cost less per item. Items with the same `key` are never
    in two concurrent batches, and are saved in the order of arrival. With `one_per_key`, a batch has at most one item
    of each key.

    `linger` is the pause in seconds after each batch, in which further items are collected. Because of the pause,
    batches are larger under load.
    """

    def __init__(
        self,
        flush: Callable[[list[T]], Awaitable[list[R]]],
        max_items: int = 64,
        *,
        concurrency: int = 1,
        min_items: int = 1,
        key: Callable[[T], Hashable] | None = None,
        one_per_key: bool = False,
        linger: float = 0,
    ) -> None:
        self._flush = flush
        self._max_items = max_items
        self._concurrency = concurrency
        self._min_items = min_items
        self._key = key
        self._one_per_key = one_per_key
        self._linger = linger
        self._queue: deque[_Pending[T, R]] = deque()
        self._flushers: set[asyncio.Task[None]] = set()
        self._keys_in_progress: set[Hashable] = set()
        self._closed = False
        # A batch belongs to several callers, so the batch must not run in the context or trace of one caller.
        self._context = copy_context()

    async def submit(self, item: T) -> R:
        """Save `item`, and return its result after the commit.

        Raises the errors of `flush`, or UNAVAILABLE after `close`.
        """
        if self._closed:
            raise unavailable("SHUTTING_DOWN", "The service is shutting down; try again.")
        result: asyncio.Future[R] = asyncio.get_running_loop().create_future()
        self._queue.append(_Pending(item, result))
        if self._should_flush(others=len(self._flushers)):
            flusher = asyncio.create_task(self._run(), context=self._context.copy())
            self._flushers.add(flusher)
        with spans.recorded("db.batcher"):
            return await result

    async def close(self) -> None:
        """Refuse new items, and wait until all submitted items are saved or have failed."""
        self._closed = True
        if self._flushers:
            await asyncio.wait(self._flushers)

    async def _run(self) -> None:
        try:
            while self._should_flush(others=len(self._flushers) - 1):
                batch = self._next_batch()
                if not batch:
                    break
                keys = self._claim(batch)
                try:
                    await self._save(batch)
                finally:
                    self._keys_in_progress -= keys
                if self._linger:
                    await asyncio.sleep(self._linger)
        finally:
            # Nothing is awaited between the last check of the queue and this line, so the queue cannot get a new item
            # in between. If items remain in the queue, the other running flushers save these items.
            flusher = asyncio.current_task()
            assert flusher is not None, "a flusher is a task"
            self._flushers.discard(flusher)
            if not self._flushers:
                self._fail_pending()

    def _should_flush(self, others: int) -> bool:
        """Return whether to flush another batch; `others` is the number of flushers that are already running."""
        return others == 0 or (others < self._concurrency and len(self._queue) >= self._min_items)

    def _next_batch(self) -> list[_Pending[T, R]]:
        batch: list[_Pending[T, R]] = []
        skipped: list[_Pending[T, R]] = []
        batch_keys: set[Hashable] = set()
        while self._queue and len(batch) < self._max_items:
            pending = self._queue.popleft()
            if pending.result.done():  # the caller of the item was cancelled
                continue
            key = None if self._key is None else self._key(pending.item)
            is_blocked = self._key is not None and (
                key in self._keys_in_progress or key in batch_keys
            )
            (skipped if is_blocked else batch).append(pending)
            if self._one_per_key:
                batch_keys.add(key)
        self._queue.extendleft(reversed(skipped))
        return batch

    def _claim(self, batch: Sequence[_Pending[T, R]]) -> set[Hashable]:
        key = self._key
        keys = set() if key is None else {key(pending.item) for pending in batch}
        self._keys_in_progress |= keys
        return keys

    async def _save(self, batch: Sequence[_Pending[T, R]]) -> None:
        try:
            results = await self._flush([pending.item for pending in batch])
            if len(results) != len(batch):
                raise RuntimeError(
                    f"{len(batch)} items were flushed, but {len(results)} results returned"
                )
        except Exception as error:  # noqa: BLE001 - each caller receives its own error
            if len(batch) == 1:
                _fail(batch, error)
            else:
                await self._save_one_by_one(batch)
        except BaseException:
            _fail(batch, _shutting_down())
            raise
        else:
            for pending, result in zip(batch, results, strict=True):
                if not pending.result.done():
                    pending.result.set_result(result)

    async def _save_one_by_one(self, batch: Sequence[_Pending[T, R]]) -> None:
        """Save each item in a separate transaction.

        After two consecutive UNAVAILABLE errors, the remaining items are not saved, and fail with the same error.
        """
        previous: BaseException | None = None
        for index, pending in enumerate(batch):
            await self._save([pending])
            result = pending.result
            failure = None if result.cancelled() else result.exception()
            if _is_unavailable(failure) and _is_unavailable(previous):
                _fail(batch[index + 1 :], failure)
                return
            previous = failure

    def _fail_pending(self) -> None:
        """Raise SHUTTING_DOWN to the callers of the items that are still queued after the last flusher has ended."""
        while self._queue:
            _fail([self._queue.popleft()], _shutting_down())


def _fail(batch: Sequence[_Pending[T, R]], error: BaseException | None) -> None:
    for pending in batch:
        if error is not None and not pending.result.done():
            pending.result.set_exception(error)


def _is_unavailable(error: BaseException | None) -> bool:
    return isinstance(error, ServiceError) and error.kind is Kind.UNAVAILABLE


def _shutting_down() -> ServiceError:
    return unavailable(
        "SHUTTING_DOWN", "The service stopped while it was saving; send the same request again."
    )

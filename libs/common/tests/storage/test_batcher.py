"""Test the batcher: many items share few transactions, and each caller receives the result of its own item."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy import func, insert, literal_column, select

from proctorium_common.errors import ServiceError, conflict, unavailable
from proctorium_common.storage.batcher import Batcher
from proctorium_common.storage.database import Database

from ..sample.storage.tables import effects


class Saving:
    """Saves a batch of numbers after `gate` is set, and refuses a batch that has a negative number."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.started = asyncio.Event()

    async def __call__(self, items: list[int]) -> list[str]:
        self.batches.append(items)
        self.started.set()
        await self.gate.wait()
        bad = [item for item in items if item < 0]
        if bad:
            raise conflict("BAD", f"{bad} cannot be saved")
        return [f"saved {item}" for item in items]


async def blocked(limit: int = 64) -> tuple[Saving, Batcher[int, str], asyncio.Task[str]]:
    """Return a blocked `Saving`, a batcher that saves with it, and the task that waits for the first item.

    The batcher is saving the first item, which is 0. It cannot continue until the test sets `saving.gate`.
    """
    saving = Saving()
    saving.gate.clear()
    batcher = Batcher(saving, limit)
    first = asyncio.create_task(batcher.submit(0))
    await saving.started.wait()
    return saving, batcher, first


async def test_items_submitted_during_a_flush_form_the_next_batch() -> None:
    saving, batcher, first = await blocked(limit=3)
    rest = [asyncio.create_task(batcher.submit(item)) for item in range(1, 6)]
    await asyncio.sleep(0)
    saving.gate.set()
    assert await first == "saved 0"
    assert await asyncio.gather(*rest) == [f"saved {item}" for item in range(1, 6)]
    assert saving.batches == [[0], [1, 2, 3], [4, 5]]


async def test_failure_of_an_item_affects_only_its_caller() -> None:
    saving, batcher, first = await blocked()
    rest = [asyncio.create_task(batcher.submit(item)) for item in (1, -2, 3)]
    await asyncio.sleep(0)
    saving.gate.set()
    await first
    one, two, three = await asyncio.gather(*rest, return_exceptions=True)
    assert (one, three) == ("saved 1", "saved 3")
    assert isinstance(two, ServiceError)
    assert two.reason == "BAD"


@given(st.lists(st.integers(-5, 50), max_size=40), st.integers(1, 10))
def test_each_result_is_as_if_the_item_were_flushed_alone(items: list[int], limit: int) -> None:
    async def run() -> None:
        batcher = Batcher(Saving(), limit)
        results = await asyncio.gather(
            *(batcher.submit(item) for item in items), return_exceptions=True
        )
        for item, result in zip(items, results, strict=True):
            assert isinstance(result, ServiceError) if item < 0 else result == f"saved {item}"

    asyncio.run(run())


async def test_unavailable_database_is_not_called_for_each_item() -> None:
    calls = 0

    async def unreachable(items: list[int]) -> list[str]:
        nonlocal calls
        calls += 1
        await asyncio.sleep(0)
        raise unavailable("DATABASE_UNAVAILABLE", "unreachable")

    batcher = Batcher(unreachable)
    outcomes = await asyncio.gather(
        *(batcher.submit(item) for item in range(50)), return_exceptions=True
    )
    assert all(isinstance(each, ServiceError) for each in outcomes)
    assert calls == 3, "the batch, and two single items to see that they are not the cause"


async def test_item_cancelled_before_the_flush_is_not_saved() -> None:
    saving, batcher, first = await blocked()
    leaving, staying = (asyncio.create_task(batcher.submit(item)) for item in (1, 2))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.sleep(0)
    saving.gate.set()
    assert (await first, await staying) == ("saved 0", "saved 2")
    assert saving.batches == [[0], [2]]


async def test_caller_cancelled_during_the_flush_affects_no_other() -> None:
    saving, batcher, first = await blocked()
    second = asyncio.create_task(batcher.submit(1))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    saving.gate.set()
    assert await second == "saved 1"


async def test_close_flushes_submitted_items_and_refuses_later_ones() -> None:
    saving, batcher, first = await blocked()
    second = asyncio.create_task(batcher.submit(1))
    await asyncio.sleep(0)
    closing = asyncio.create_task(batcher.close())
    await asyncio.sleep(0)
    with pytest.raises(ServiceError) as caught:
        await batcher.submit(2)
    assert caught.value.reason == "SHUTTING_DOWN"
    assert not closing.done()
    saving.gate.set()
    await closing
    assert (first.result(), second.result()) == ("saved 0", "saved 1")


async def test_missing_result_is_an_error() -> None:
    async def lose_results(items: list[int]) -> list[str]:
        return []

    with pytest.raises(RuntimeError, match="1 items were flushed, but 0 results returned"):
        await Batcher(lose_results).submit(1)


async def test_batch_is_one_transaction(database: Database) -> None:
    async def flush(items: list[int]) -> list[int]:
        async with database.transaction() as transaction:
            await transaction.execute(
                insert(effects), [{"what": "saved", "nth": item} for item in items]
            )
        return items

    batcher = Batcher(flush)
    assert await asyncio.gather(*map(batcher.submit, range(100))) == list(range(100))
    async with database.transaction() as transaction:
        transactions = (
            func.count(effects.c.id.distinct()),
            func.count(literal_column("xmin::text").distinct()),
        )
        saved, commits = (await transaction.execute(select(*transactions))).one()
    assert saved == 100
    assert commits <= 3


class ConcurrentSaving:
    """Saves (key, number) pairs in concurrent batches. Each batch has its own gate, and waits until the gate is set."""

    def __init__(self) -> None:
        self.batches: list[list[tuple[str, int]]] = []
        self.gates: list[asyncio.Event] = []
        self.started = asyncio.Condition()
        self.running: set[str] = set()

    async def __call__(self, items: list[tuple[str, int]]) -> list[int]:
        keys = {key for key, _ in items}
        assert self.running.isdisjoint(keys), "a key is in two batches at once"
        self.running |= keys
        gate = asyncio.Event()
        async with self.started:
            self.batches.append(items)
            self.gates.append(gate)
            self.started.notify_all()
        await gate.wait()
        self.running -= keys
        return [number for _, number in items]

    async def until_started(self, batches: int) -> None:
        async with asyncio.timeout(5), self.started:
            await self.started.wait_for(lambda: len(self.batches) >= batches)


def key_of(item: tuple[str, int]) -> str:
    return item[0]


async def test_flushes_run_concurrently_when_enough_items_wait() -> None:
    saving = ConcurrentSaving()
    batcher = Batcher(saving, concurrency=2, min_items=2, key=key_of)
    tasks = [asyncio.create_task(batcher.submit(("a", 1)))]
    await saving.until_started(1)
    tasks.append(asyncio.create_task(batcher.submit(("b", 2))))
    await asyncio.sleep(0)
    assert len(saving.batches) == 1, "one item is not enough"
    tasks.append(asyncio.create_task(batcher.submit(("c", 3))))
    await saving.until_started(2)
    assert saving.batches == [[("a", 1)], [("b", 2), ("c", 3)]]
    for gate in saving.gates:
        gate.set()
    assert await asyncio.gather(*tasks) == [1, 2, 3]


async def test_items_of_a_key_in_flight_wait_and_keep_their_order() -> None:
    saving = ConcurrentSaving()
    batcher = Batcher(saving, concurrency=2, key=key_of)
    tasks = [asyncio.create_task(batcher.submit(("a", 1)))]
    await saving.until_started(1)
    waiting = [("a", 2), ("b", 3), ("a", 4)]
    tasks += [asyncio.create_task(batcher.submit(item)) for item in waiting]
    await saving.until_started(2)
    assert saving.batches == [[("a", 1)], [("b", 3)]]
    saving.gates[0].set()
    await saving.until_started(3)
    assert saving.batches[2] == [("a", 2), ("a", 4)]
    for gate in saving.gates:
        gate.set()
    assert await asyncio.gather(*tasks) == [1, 2, 3, 4]
    await batcher.close()


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3))),
    st.integers(1, 4),
    st.integers(1, 4),
)
async def test_concurrent_flushes_lose_nothing_and_preserve_the_order_of_keys(
    waits: list[tuple[str, int]], concurrency: int, min_items: int
) -> None:
    saved: list[tuple[str, int]] = []

    async def flush(items: list[tuple[str, int]]) -> list[int]:
        for _ in range(waits[items[0][1]][1]):
            await asyncio.sleep(0)
        saved.extend(items)
        return [number for _, number in items]

    batcher = Batcher(flush, 2, concurrency=concurrency, min_items=min_items, key=key_of)
    items = [(key, number) for number, (key, _) in enumerate(waits)]
    async with asyncio.timeout(5):
        results = await asyncio.gather(*(batcher.submit(item) for item in items))
    assert results == list(range(len(items)))
    for key in "abc":
        assert [item for item in saved if item[0] == key] == [
            item for item in items if item[0] == key
        ]

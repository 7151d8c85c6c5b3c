"""Group commit: few transactions, every caller told of their own item only."""

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
    """Saves numbers; negative ones are refused, and a gate can keep a flush waiting."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.gate.set()
        self.begun = asyncio.Event()

    async def __call__(self, items: list[int]) -> list[str]:
        self.batches.append(items)
        self.begun.set()
        await self.gate.wait()
        bad = [item for item in items if item < 0]
        if bad:
            raise conflict("BAD", f"{bad} cannot be saved")
        return [f"saved {item}" for item in items]


async def held_up(limit: int = 64) -> tuple[Saving, Batcher[int, str], asyncio.Task[str]]:
    """A group whose first item, 0, is being saved and waits at the gate."""
    saving = Saving()
    saving.gate.clear()
    group = Batcher(saving, limit)
    first = asyncio.create_task(group.submit(0))
    await saving.begun.wait()
    return saving, group, first


async def test_what_comes_during_a_commit_is_the_next_batch() -> None:
    saving, group, first = await held_up(limit=3)
    rest = [asyncio.create_task(group.submit(item)) for item in range(1, 6)]
    await asyncio.sleep(0)
    saving.gate.set()
    assert await first == "saved 0"
    assert await asyncio.gather(*rest) == [f"saved {item}" for item in range(1, 6)]
    assert saving.batches == [[0], [1, 2, 3], [4, 5]]


async def test_one_items_failure_is_told_to_its_caller_alone() -> None:
    saving, group, first = await held_up()
    rest = [asyncio.create_task(group.submit(item)) for item in (1, -2, 3)]
    await asyncio.sleep(0)
    saving.gate.set()
    await first
    one, two, three = await asyncio.gather(*rest, return_exceptions=True)
    assert (one, three) == ("saved 1", "saved 3")
    assert isinstance(two, ServiceError)
    assert two.reason == "BAD"


@given(st.lists(st.integers(-5, 50), max_size=40), st.integers(1, 10))
def test_every_item_is_answered_as_if_it_had_come_alone(items: list[int], limit: int) -> None:
    async def run() -> None:
        group = Batcher(Saving(), limit)
        answers = await asyncio.gather(
            *(group.submit(item) for item in items), return_exceptions=True
        )
        for item, answer in zip(items, answers, strict=True):
            assert isinstance(answer, ServiceError) if item < 0 else answer == f"saved {item}"

    asyncio.run(run())


async def test_a_database_that_is_away_is_not_asked_once_for_each_item() -> None:
    asked = 0

    async def away(items: list[int]) -> list[str]:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        raise unavailable("DATABASE_UNAVAILABLE", "away")

    group = Batcher(away)
    ends = await asyncio.gather(*(group.submit(item) for item in range(50)), return_exceptions=True)
    assert all(isinstance(end, ServiceError) for end in ends)
    assert asked == 3, "the batch, and two single ones to see that it is not theirs"


async def test_who_leaves_before_the_flush_is_not_saved_and_holds_nobody_up() -> None:
    saving, group, first = await held_up()
    leaving, staying = (asyncio.create_task(group.submit(item)) for item in (1, 2))
    await asyncio.sleep(0)
    leaving.cancel()
    await asyncio.sleep(0)
    saving.gate.set()
    assert (await first, await staying) == ("saved 0", "saved 2")
    assert saving.batches == [[0], [2]]


async def test_who_leaves_during_the_flush_takes_nobody_along() -> None:
    saving, group, first = await held_up()
    second = asyncio.create_task(group.submit(1))
    await asyncio.sleep(0)
    first.cancel()
    await asyncio.sleep(0)
    saving.gate.set()
    assert await second == "saved 1"


async def test_close_waits_for_what_was_taken_and_refuses_what_comes_later() -> None:
    saving, group, first = await held_up()
    second = asyncio.create_task(group.submit(1))
    await asyncio.sleep(0)
    closing = asyncio.create_task(group.close())
    await asyncio.sleep(0)
    with pytest.raises(ServiceError) as caught:
        await group.submit(2)
    assert caught.value.reason == "SHUTTING_DOWN"
    assert not closing.done()
    saving.gate.set()
    await closing
    assert (first.result(), second.result()) == ("saved 0", "saved 1")


async def test_an_answer_too_few_is_an_error_and_not_somebody_elses_answer() -> None:
    async def forgetful(items: list[int]) -> list[str]:
        return []

    with pytest.raises(RuntimeError, match="1 items were flushed, but 0 results returned"):
        await Batcher(forgetful).submit(1)


async def test_in_the_database_a_batch_is_one_transaction(database: Database) -> None:
    async def flush(items: list[int]) -> list[int]:
        async with database.transaction() as transaction:
            await transaction.execute(
                insert(effects), [{"what": "saved", "nth": item} for item in items]
            )
        return items

    group = Batcher(flush)
    assert await asyncio.gather(*map(group.submit, range(100))) == list(range(100))
    async with database.transaction() as transaction:
        transactions = (
            func.count(effects.c.id.distinct()),
            func.count(literal_column("xmin::text").distinct()),
        )
        saved, commits = (await transaction.execute(select(*transactions))).one()
    assert saved == 100
    assert commits <= 3


class SideBySide:
    """Saves (key, number) pairs, several batches at once, each until it is let go."""

    def __init__(self) -> None:
        self.batches: list[list[tuple[str, int]]] = []
        self.gates: list[asyncio.Event] = []
        self.begun = asyncio.Condition()
        self.under_way: set[str] = set()

    async def __call__(self, items: list[tuple[str, int]]) -> list[int]:
        keys = {key for key, _ in items}
        assert self.under_way.isdisjoint(keys), "a key is in two batches at once"
        self.under_way |= keys
        gate = asyncio.Event()
        async with self.begun:
            self.batches.append(items)
            self.gates.append(gate)
            self.begun.notify_all()
        await gate.wait()
        self.under_way -= keys
        return [number for _, number in items]

    async def until_started(self, batches: int) -> None:
        async with asyncio.timeout(5), self.begun:
            await self.begun.wait_for(lambda: len(self.batches) >= batches)


def key_of(item: tuple[str, int]) -> str:
    return item[0]


async def test_more_than_one_flush_is_under_way_when_enough_wait() -> None:
    saving = SideBySide()
    group = Batcher(saving, concurrency=2, min_items=2, key=key_of)
    tasks = [asyncio.create_task(group.submit(("a", 1)))]
    await saving.until_started(1)
    tasks.append(asyncio.create_task(group.submit(("b", 2))))
    await asyncio.sleep(0)
    assert len(saving.batches) == 1, "one is not enough"
    tasks.append(asyncio.create_task(group.submit(("c", 3))))
    await saving.until_started(2)
    assert saving.batches == [[("a", 1)], [("b", 2), ("c", 3)]]
    for gate in saving.gates:
        gate.set()
    assert await asyncio.gather(*tasks) == [1, 2, 3]


async def test_what_waits_for_its_key_is_saved_after_it_and_in_order() -> None:
    saving = SideBySide()
    group = Batcher(saving, concurrency=2, key=key_of)
    tasks = [asyncio.create_task(group.submit(("a", 1)))]
    await saving.until_started(1)
    waiting = [("a", 2), ("b", 3), ("a", 4)]
    tasks += [asyncio.create_task(group.submit(item)) for item in waiting]
    await saving.until_started(2)
    assert saving.batches == [[("a", 1)], [("b", 3)]]
    saving.gates[0].set()
    await saving.until_started(3)
    assert saving.batches[2] == [("a", 2), ("a", 4)]
    for gate in saving.gates:
        gate.set()
    assert await asyncio.gather(*tasks) == [1, 2, 3, 4]
    await group.close()


@given(
    st.lists(st.tuples(st.sampled_from("abc"), st.integers(0, 3))),
    st.integers(1, 4),
    st.integers(1, 4),
)
async def test_side_by_side_nothing_is_forgotten_and_keys_keep_their_order(
    waits: list[tuple[str, int]], concurrency: int, min_items: int
) -> None:
    saved: list[tuple[str, int]] = []

    async def flush(items: list[tuple[str, int]]) -> list[int]:
        for _ in range(waits[items[0][1]][1]):
            await asyncio.sleep(0)
        saved.extend(items)
        return [number for _, number in items]

    group = Batcher(flush, 2, concurrency=concurrency, min_items=min_items, key=key_of)
    items = [(key, number) for number, (key, _) in enumerate(waits)]
    async with asyncio.timeout(5):
        answers = await asyncio.gather(*(group.submit(item) for item in items))
    assert answers == list(range(len(items)))
    for key in "abc":
        assert [item for item in saved if item[0] == key] == [
            item for item in items if item[0] == key
        ]

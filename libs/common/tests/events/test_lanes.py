"""Test that lanes preserve the order of the events of each aggregate despite failures and late redeliveries."""

from __future__ import annotations

import asyncio
import heapq
import random
from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from proctorium_common.events.lanes import Lanes


@dataclass
class FakeBroker:
    """A fake broker that redelivers an item after the requested delay, as JetStream does, but in simulated time."""

    failures: dict[tuple[str, int], int]
    disorder: random.Random
    done: list[tuple[str, int]] = field(default_factory=list)
    redeliveries: list[tuple[float, int, tuple[str, int]]] = field(default_factory=list)
    max_concurrency: int = 0
    active: set[str] = field(default_factory=set)

    async def work(self, item: tuple[str, int]) -> float | None:
        assert item[0] not in self.active, "two events of one aggregate at once"
        self.active.add(item[0])
        self.max_concurrency = max(self.max_concurrency, len(self.active))
        await asyncio.sleep(0)
        self.active.remove(item[0])
        if self.failures.get(item, 0) > 0:
            self.failures[item] -= 1
            heapq.heappush(self.redeliveries, (0.5, 0, item))
            return 0.5
        self.done.append(item)
        return None

    async def hold_back(self, item: tuple[str, int], delay: float) -> None:
        # Redeliver the items in random order, because a broker may redeliver deferred items in any order.
        heapq.heappush(self.redeliveries, (delay, self.disorder.randrange(100), item))


lane_keys = st.lists(st.sampled_from("abc"), min_size=1, max_size=30)


@settings(max_examples=200, deadline=None)
@given(lane_keys, st.data(), st.integers(1, 4), st.integers())
def test_order_of_each_lane_is_preserved(
    keys: list[str], data: st.DataObject, concurrency: int, seed: int
) -> None:
    items = [(key, nth) for nth, key in enumerate(keys)]
    failures = {
        item: data.draw(st.integers(0, 3)) for item in data.draw(st.sets(st.sampled_from(items)))
    }
    broker = FakeBroker(failures, random.Random(seed))

    async def run() -> None:
        lanes = Lanes(broker.work, broker.hold_back, concurrency)
        pending = list(items)
        while pending:
            for item in pending:
                lanes.add(item[0], item[1], item)
            await lanes.until_idle()
            pending = [
                heapq.heappop(broker.redeliveries)[2] for _ in range(len(broker.redeliveries))
            ]
        lanes.discard_overdue()

    asyncio.run(run())
    assert sorted(broker.done) == sorted(items)
    for key in set(keys):
        handled = [item for item in broker.done if item[0] == key]
        assert handled == sorted(handled)
    assert broker.max_concurrency <= concurrency


async def test_overdue_redelivery_is_given_up() -> None:
    done: list[int] = []
    held_back: list[int] = []

    async def work(item: int) -> float | None:
        done.append(item)
        return -3.0 if item == 1 else None  # item 1 is overdue: another replica has received it

    async def hold_back(item: int, _: float) -> None:
        held_back.append(item)

    lanes = Lanes(work, hold_back, 1)
    lanes.add("a", 1, 1)
    lanes.add("a", 2, 2)
    await lanes.until_idle()
    assert (done, held_back) == ([1, 2], [])
    lanes.discard_overdue()
    assert lanes.is_empty

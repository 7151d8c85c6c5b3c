"""Lanes keep the order of each aggregate, whatever fails and however late the broker brings it again."""

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
    """Brings items again after the delay that was asked for, as JetStream does, in a time of its own."""

    failures: dict[tuple[str, int], int]
    disorder: random.Random
    done: list[tuple[str, int]] = field(default_factory=list)
    again: list[tuple[float, int, tuple[str, int]]] = field(default_factory=list)
    most_at_once: int = 0
    at_work: set[str] = field(default_factory=set)

    async def work(self, item: tuple[str, int]) -> float | None:
        assert item[0] not in self.at_work, "two events of one aggregate at once"
        self.at_work.add(item[0])
        self.most_at_once = max(self.most_at_once, len(self.at_work))
        await asyncio.sleep(0)
        self.at_work.remove(item[0])
        if self.failures.get(item, 0) > 0:
            self.failures[item] -= 1
            heapq.heappush(self.again, (0.5, 0, item))
            return 0.5
        self.done.append(item)
        return None

    async def hold_back(self, item: tuple[str, int], delay: float) -> None:
        # Those that were held back may come in any order among themselves.
        heapq.heappush(self.again, (delay, self.disorder.randrange(100), item))


lanes_of_items = st.lists(st.sampled_from("abc"), min_size=1, max_size=30)


@settings(max_examples=200, deadline=None)
@given(lanes_of_items, st.data(), st.integers(1, 4), st.integers())
def test_the_order_of_each_lane_is_kept(
    keys: list[str], data: st.DataObject, concurrency: int, seed: int
) -> None:
    items = [(key, nth) for nth, key in enumerate(keys)]
    failures = {
        item: data.draw(st.integers(0, 3)) for item in data.draw(st.sets(st.sampled_from(items)))
    }
    broker = FakeBroker(failures, random.Random(seed))

    async def run() -> None:
        lanes = Lanes(broker.work, broker.hold_back, concurrency)
        coming = list(items)
        while coming:
            for item in coming:
                lanes.add(item[0], item[1], item)
            await lanes.until_idle()
            coming = [heapq.heappop(broker.again)[2] for _ in range(len(broker.again))]
        lanes.discard_overdue()

    asyncio.run(run())
    assert sorted(broker.done) == sorted(items)
    for key in set(keys):
        handled = [item for item in broker.done if item[0] == key]
        assert handled == sorted(handled)
    assert broker.most_at_once <= concurrency


async def test_what_does_not_come_again_is_given_up() -> None:
    done: list[int] = []
    held: list[int] = []

    async def work(item: int) -> float | None:
        done.append(item)
        return -3.0 if item == 1 else None  # it was due three seconds ago: another replica has it

    async def hold_back(item: int, _: float) -> None:
        held.append(item)

    lanes = Lanes(work, hold_back, 1)
    lanes.add("a", 1, 1)
    lanes.add("a", 2, 2)
    await lanes.until_idle()
    assert (done, held) == ([1, 2], [])
    lanes.discard_overdue()
    assert lanes.is_empty

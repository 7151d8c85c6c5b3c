"""Deadlines: what is late expires, what is done is left alone, and nothing runs while there is nothing to wait for."""

from __future__ import annotations

import asyncio
import time

from proctorium_common.rpc.deadlines import Deadlines


class Timed:
    def __init__(self) -> None:
        self.expired = asyncio.Event()

    def expire(self) -> None:
        self.expired.set()


async def test_each_expires_at_its_time_and_not_before() -> None:
    deadlines, soon, later = Deadlines(), Timed(), Timed()
    began = time.monotonic()
    deadlines.add(later, began + 0.15)
    deadlines.add(soon, began + 0.05)
    await asyncio.wait_for(soon.expired.wait(), 5)
    assert time.monotonic() - began >= 0.05
    assert not later.expired.is_set()
    await asyncio.wait_for(later.expired.wait(), 5)
    assert time.monotonic() - began >= 0.15


async def test_what_is_done_in_time_is_left_alone() -> None:
    deadlines, done, late = Deadlines(), Timed(), Timed()
    now = time.monotonic()
    place = deadlines.add(done, now + 0.03)
    deadlines.add(late, now + 0.03)
    deadlines.remove(done, place)
    await asyncio.wait_for(late.expired.wait(), 5)
    assert not done.expired.is_set()
    deadlines.remove(late, place)  # after the fact: nothing happens


async def test_after_a_time_of_rest_it_goes_on() -> None:
    deadlines, first, second = Deadlines(), Timed(), Timed()
    deadlines.add(first, time.monotonic() + 0.01)
    await asyncio.wait_for(first.expired.wait(), 5)
    assert deadlines._timer is None
    deadlines.add(second, time.monotonic() + 0.01)
    await asyncio.wait_for(second.expired.wait(), 5)


async def test_a_time_that_is_over_already_expires_at_once() -> None:
    deadlines, late = Deadlines(), Timed()
    deadlines.add(late, time.monotonic() - 5)
    await asyncio.wait_for(late.expired.wait(), 5)

from __future__ import annotations

import asyncio

import pytest

from proctorium_enrollment.operations.turns import Turns


async def test_one_at_a_time_for_each_name() -> None:
    turns = Turns()
    inside: dict[str, int] = {"a": 0, "b": 0}
    most: dict[str, int] = {"a": 0, "b": 0}
    both = 0

    async def take(name: str) -> None:
        nonlocal both
        async with turns.of(name):
            inside[name] += 1
            most[name] = max(most[name], inside[name])
            both = max(both, sum(inside.values()))
            await asyncio.sleep(0)
            inside[name] -= 1

    await asyncio.gather(*(take(name) for name in "ab" * 20))
    assert most == {"a": 1, "b": 1}
    assert both == 2


async def test_nothing_is_kept_when_all_have_gone() -> None:
    turns = Turns()

    async def fail() -> None:
        async with turns.of("a"):
            raise ValueError("no")

    async with turns.of("a"):
        waiting = asyncio.create_task(fail())
        gone = asyncio.create_task(fail())
        await asyncio.sleep(0)
        gone.cancel()
    with pytest.raises(ValueError, match="no"):
        await waiting
    with pytest.raises(asyncio.CancelledError):
        await gone
    assert not turns._locks
    assert not turns._waiting

"""When a silent watch is to be written to."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from proctorium_common.rpc.heartbeat import Heartbeat

PATIENCE = 10.0
SHORT = timedelta(milliseconds=50)
FOR_EVER = timedelta(hours=1)


async def beat(woken: asyncio.Event, heartbeat: Heartbeat) -> float:
    """Waits until something is to be sent; how long that took."""
    begun = asyncio.get_running_loop().time()
    async with asyncio.timeout(PATIENCE):
        while not heartbeat.due:
            woken.clear()
            await woken.wait()
    return asyncio.get_running_loop().time() - begun


async def passed(time: timedelta) -> None:
    """Waits so long, by what is tested first."""
    woken = asyncio.Event()
    with Heartbeat(woken, time) as heartbeat:
        await beat(woken, heartbeat)


async def test_a_silent_watch_is_woken_again_and_again() -> None:
    woken = asyncio.Event()
    with Heartbeat(woken, SHORT) as heartbeat:
        for _ in range(3):
            assert await beat(woken, heartbeat) >= SHORT.total_seconds() * 0.9
            heartbeat.sent()


async def test_whoever_was_just_sent_something_is_left_alone_from_then_on_for_as_long() -> None:
    woken, every = asyncio.Event(), timedelta(milliseconds=200)
    with Heartbeat(woken, every) as heartbeat:
        await passed(every / 2)
        heartbeat.sent()
        assert await beat(woken, heartbeat) >= 0.18


async def test_news_alone_make_no_heartbeat_due() -> None:
    woken = asyncio.Event()
    with Heartbeat(woken, FOR_EVER) as heartbeat:
        woken.set()
        await woken.wait()
        assert not heartbeat.due


async def test_a_watch_that_has_ended_is_not_woken() -> None:
    woken = asyncio.Event()
    with Heartbeat(woken, timedelta(0)):
        pass
    await passed(SHORT)
    assert not woken.is_set()

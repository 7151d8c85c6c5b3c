"""Test the heartbeats on silent streams."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from proctorium_common.rpc.heartbeat import Heartbeat

TIMEOUT = 10.0
SHORT = timedelta(milliseconds=50)
LONG = timedelta(hours=1)


async def beat(woken: asyncio.Event, heartbeat: Heartbeat) -> float:
    """Wait until a heartbeat is due; return the duration of the wait in seconds."""
    start = asyncio.get_running_loop().time()
    async with asyncio.timeout(TIMEOUT):
        while not heartbeat.due:
            woken.clear()
            await woken.wait()
    return asyncio.get_running_loop().time() - start


async def wait(time: timedelta) -> None:
    """Wait for `time`. A separate heartbeat measures the time."""
    woken = asyncio.Event()
    with Heartbeat(woken, time) as heartbeat:
        await beat(woken, heartbeat)


async def test_silent_stream_gets_repeated_heartbeats() -> None:
    woken = asyncio.Event()
    with Heartbeat(woken, SHORT) as heartbeat:
        for _ in range(3):
            assert await beat(woken, heartbeat) >= SHORT.total_seconds() * 0.9
            heartbeat.sent()


async def test_sent_message_postpones_the_heartbeat() -> None:
    woken, every = asyncio.Event(), timedelta(milliseconds=200)
    with Heartbeat(woken, every) as heartbeat:
        await wait(every / 2)
        heartbeat.sent()
        assert await beat(woken, heartbeat) >= 0.18


async def test_new_message_causes_no_heartbeat() -> None:
    woken = asyncio.Event()
    with Heartbeat(woken, LONG) as heartbeat:
        woken.set()
        await woken.wait()
        assert not heartbeat.due


async def test_ended_stream_gets_no_heartbeat() -> None:
    woken = asyncio.Event()
    with Heartbeat(woken, timedelta(0)):
        pass
    await wait(SHORT)
    assert not woken.is_set()

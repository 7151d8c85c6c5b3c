"""How the edge treats a service that passes health checks but fails calls."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import grpc
import pytest

from .world import ME, UNAVAILABLE, World, running_edge

CONSECUTIVE_FAILURES = 5


async def test_connection_with_failing_calls_is_replaced(world: World) -> None:
    await world.call(ME)
    broken = world.upstreams.broken_peer = world.upstreams.connection
    failed = 0
    async with asyncio.timeout(10):
        while not await _succeeds(world):
            failed += 1
    assert failed >= CONSECUTIVE_FAILURES
    assert world.upstreams.connection != broken


async def _succeeds(world: World) -> bool:
    try:
        await world.call(ME)
    except grpc.aio.AioRpcError:
        return False
    return True


async def test_health_page_follows_the_success_of_calls(tmp_path: Path) -> None:
    async with running_edge(tmp_path, ejection_seconds=0.5) as world:
        await _until(lambda: world.health("enrollment"), 200)
        assert await world.health(UNAVAILABLE) == 503
        world.upstreams.fails_calls = True
        await _until(lambda: world.health("enrollment"), 503)
        with pytest.raises(grpc.aio.AioRpcError):
            await world.call(ME)
        world.upstreams.fails_calls = False
        await _until(lambda: world.health("enrollment"), 200)
        await world.call(ME)
        assert (await world.http.get("/healthz")).status_code == 503, "one service is unavailable"


async def _until(get: Callable[[], Awaitable[int]], expected: int) -> None:
    async with asyncio.timeout(30):
        while await get() != expected:
            await asyncio.sleep(0.05)

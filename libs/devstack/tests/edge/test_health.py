"""How the edge treats a service that passes health checks but fails calls."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from pathlib import Path

import grpc
import pytest

from .world import AWAY, ME, World, running_edge

FAILURES_IN_A_ROW = 5


async def test_a_connection_on_which_calls_fail_is_replaced(world: World) -> None:
    await world.call(ME)
    broken = world.behind.broken_peer = world.behind.connection
    failed = 0
    async with asyncio.timeout(10):
        while not await _succeeds(world):
            failed += 1
    assert failed >= FAILURES_IN_A_ROW
    assert world.behind.connection != broken


async def _succeeds(world: World) -> bool:
    try:
        await world.call(ME)
    except grpc.aio.AioRpcError:
        return False
    return True


async def test_health_sees_what_callers_see(tmp_path: Path) -> None:
    async with running_edge(tmp_path, ejection_seconds=0.5) as world:
        await _until(lambda: world.health("enrollment"), 200)
        assert await world.health(AWAY) == 503
        world.behind.answers_health_checks_only = True
        await _until(lambda: world.health("enrollment"), 503)
        with pytest.raises(grpc.aio.AioRpcError):
            await world.call(ME)
        world.behind.answers_health_checks_only = False
        await _until(lambda: world.health("enrollment"), 200)
        await world.call(ME)
        assert (await world.browser.get("/healthz")).status_code == 503, "one service is away"


async def _until(ask: Callable[[], Awaitable[int]], expected: int) -> None:
    async with asyncio.timeout(30):
        while await ask() != expected:
            await asyncio.sleep(0.05)

"""Tests of the edge with a service that has a special failure: its health checks succeed, but all calls fail."""

from __future__ import annotations

import asyncio
from pathlib import Path

import grpc
import pytest

from proctorium_devstack.testing.waiting import until

from .harness import ME, UNAVAILABLE, Harness, running_edge

CONSECUTIVE_FAILURES = 5


async def test_connection_with_failing_calls_is_replaced(harness: Harness) -> None:
    await harness.call(ME)
    broken = harness.upstreams.broken_peer = harness.upstreams.connection
    failed = 0
    async with asyncio.timeout(10):
        while not await _succeeds(harness):
            failed += 1
    assert failed >= CONSECUTIVE_FAILURES
    assert harness.upstreams.connection != broken


async def _succeeds(harness: Harness) -> bool:
    try:
        await harness.call(ME)
    except grpc.aio.AioRpcError:
        return False
    return True


async def until_health(harness: Harness, status: int) -> None:
    async def reached() -> bool:
        return await harness.health("enrollment") == status

    await until(reached)


async def test_health_page_follows_the_success_of_calls(tmp_path: Path) -> None:
    async with running_edge(tmp_path, ejection_seconds=0.5) as harness:
        await until_health(harness, 200)
        assert await harness.health(UNAVAILABLE) == 503
        harness.upstreams.fails_calls = True
        await until_health(harness, 503)
        with pytest.raises(grpc.aio.AioRpcError):
            await harness.call(ME)
        harness.upstreams.fails_calls = False
        await until_health(harness, 200)
        await harness.call(ME)
        assert (await harness.http.get("/healthz")).status_code == 503, "one service is unavailable"

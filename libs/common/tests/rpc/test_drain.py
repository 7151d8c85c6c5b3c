"""Test draining: running calls are completed, and new calls are refused."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import grpc
import pytest

from proctorium_common.errors import Kind
from proctorium_common.rpc.health import LIVE
from proctorium_devstack.testing.refusals import refusal

from .echo import pb, stubs
from .health_stub import status
from .serving import serving


async def test_drain_completes_running_calls_and_refuses_new_ones() -> None:
    started, finish = asyncio.Event(), asyncio.Event()

    async def behavior(request: Any, context: Any) -> Any:
        started.set()
        await finish.wait()
        return pb.EchoResponse(text="saved")

    async with serving(behavior) as served, served.channel() as channel:
        stub = stubs.EchoServiceStub(channel)
        running = asyncio.ensure_future(stub.Change(pb.EchoRequest()))
        await started.wait()
        drain = asyncio.ensure_future(
            served.server.drain(wait=timedelta(0), grace=timedelta(seconds=10))
        )
        refused = await _first_refusal(served.address)
        assert not drain.done()
        finish.set()
        assert (await running).text == "saved"
        await asyncio.wait_for(drain, 5)
    assert refused.kind is Kind.UNAVAILABLE


async def test_draining_server_is_not_ready_but_live_and_serving() -> None:
    async with (
        serving() as served,
        grpc.aio.insecure_channel(served.address) as plain,
    ):
        assert await status(plain, "") == "SERVING"
        drain = asyncio.ensure_future(
            served.server.drain(wait=timedelta(seconds=0.3), grace=timedelta(seconds=1))
        )
        async with asyncio.timeout(5):
            while await status(plain, "") == "SERVING":
                await asyncio.sleep(0)
        assert await status(plain, "proctorium.test.v1.EchoService") == "NOT_SERVING"
        assert await status(plain, LIVE) == "SERVING"
        assert (await stubs.EchoServiceStub(plain).Echo(pb.EchoRequest(text="on"))).text == "on"
        await drain


async def test_drain_ends_streams_immediately() -> None:
    async def behavior(request: Any, context: Any) -> Any:
        await asyncio.Event().wait()

    async with serving(behavior) as served, served.channel() as channel:
        watch = stubs.EchoServiceStub(channel).Watch(pb.EchoRequest())
        await watch.read()
        drain = served.server.drain(wait=timedelta(0), grace=timedelta(seconds=30))
        async with asyncio.timeout(5):  # much less than the grace period
            error, _ = await asyncio.gather(refusal(watch.read()), drain)
    assert (error.kind, error.reason) == (Kind.UNAVAILABLE, "SHUTTING_DOWN")
    assert served.servicer.watchers_left == 1


@pytest.mark.parametrize("iterations", range(6))
async def test_drain_ends_a_stream_that_is_just_opening(
    iterations: int,
) -> None:
    async def behavior(request: Any, context: Any) -> Any:
        await asyncio.Event().wait()

    async with serving(behavior) as served, served.channel() as channel:
        watch = stubs.EchoServiceStub(channel).Watch(pb.EchoRequest())
        async with asyncio.timeout(5):  # much less than the grace period
            while not served.telemetry.metrics.in_flight:
                await asyncio.sleep(0)
            for _ in range(iterations):  # let the opening of the stream proceed
                await asyncio.sleep(0)
            served.server._calls.end_streams()
            error = await refusal(_read_all(watch))
    assert (error.kind, error.reason) == (Kind.UNAVAILABLE, "SHUTTING_DOWN")
    assert served.log.lines[0]["code"] == "UNAVAILABLE"


async def _read_all(stream: Any) -> None:
    async for _ in stream:
        pass


async def test_call_that_exceeds_the_grace_is_cancelled() -> None:
    started, cancelled = asyncio.Event(), asyncio.Event()

    async def behavior(request: Any, context: Any) -> Any:
        started.set()
        try:
            await asyncio.Event().wait()
        except asyncio.CancelledError:
            cancelled.set()
            raise

    async with serving(behavior) as served, served.channel() as channel:
        endless = asyncio.ensure_future(
            refusal(stubs.EchoServiceStub(channel).Change(pb.EchoRequest()))
        )
        await started.wait()
        await served.server.drain(wait=timedelta(0), grace=timedelta(seconds=0.1))
        await asyncio.wait_for(cancelled.wait(), 5)
        assert (await endless).kind is Kind.UNAVAILABLE


async def _first_refusal(address: str) -> Any:
    """Make calls, each on a new connection, until a call is refused; return the error."""
    async with asyncio.timeout(5):
        while True:
            async with grpc.aio.insecure_channel(address) as plain:
                call = stubs.EchoServiceStub(plain).Change(pb.EchoRequest(), timeout=0.2)
                error = await refusal(call)
                if error.kind is Kind.UNAVAILABLE:
                    return error

"""Test that a client receives the headers of a stream at once, even if no message follows for a long time."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from proctorium_common.errors import Kind
from proctorium_devstack.testing.refusals import refusal

from .echo import pb, stubs
from .serving import bearer, serving

TIMEOUT = 10.0


class SilentServicer(stubs.EchoServiceServicer):  # type: ignore[misc]  # generated at test time
    """Opens streams but sends no messages. Watch is a coroutine, and Talk is a generator."""

    async def Watch(self, request: Any, context: Any) -> None:
        await asyncio.Event().wait()

    async def Talk(self, requests: AsyncIterator[Any], context: Any) -> AsyncIterator[Any]:
        async for _ in requests:
            pass
        yield pb.EchoResponse()


async def never() -> AsyncIterator[Any]:
    await asyncio.Event().wait()
    yield pb.EchoRequest()


@pytest.mark.parametrize("method", ["Watch", "Talk"])
async def test_silent_stream_sends_its_headers(method: str) -> None:
    async with serving(servicer=SilentServicer()) as served, served.channel() as channel:
        stub = stubs.EchoServiceStub(channel)
        request = never() if method == "Talk" else pb.EchoRequest()
        stream = getattr(stub, method)(request, metadata=bearer(served.token("learner")))
        await asyncio.wait_for(stream.initial_metadata(), TIMEOUT)
        assert not stream.done()
        stream.cancel()


async def test_refused_stream_is_never_opened() -> None:
    async with serving(servicer=SilentServicer()) as served, served.channel() as channel:
        stream = stubs.EchoServiceStub(channel).Watch(pb.EchoRequest(text="x" * 21))
        error = await asyncio.wait_for(refusal(stream.read()), TIMEOUT)
        assert (error.kind, error.reason) == (Kind.INVALID, "INVALID_REQUEST")

"""Who opens a stream learns at once whether it is open, though nothing may be said on it for long."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from proctorium_common.errors import Kind
from proctorium_devstack.testing.refusals import refusal

from .echo import pb, stubs
from .serving import bearer, serving

PATIENCE = 10.0


class SilentServicer(stubs.EchoServiceServicer):  # type: ignore[misc]  # generated at test time
    """Opens streams and says nothing; one way to write a stream and the other."""

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
async def test_a_stream_on_which_nothing_is_said_has_its_headers(method: str) -> None:
    async with serving(servicer=SilentServicer()) as served, served.channel() as channel:
        stub = stubs.EchoServiceStub(channel)
        asked = never() if method == "Talk" else pb.EchoRequest()
        stream = getattr(stub, method)(asked, metadata=bearer(served.token("learner")))
        await asyncio.wait_for(stream.initial_metadata(), PATIENCE)
        assert not stream.done()
        stream.cancel()


async def test_a_stream_that_is_refused_was_never_open() -> None:
    async with serving(servicer=SilentServicer()) as served, served.channel() as channel:
        stream = stubs.EchoServiceStub(channel).Watch(pb.EchoRequest(text="x" * 21))
        error = await asyncio.wait_for(refusal(stream.read()), PATIENCE)
        assert (error.kind, error.reason) == (Kind.INVALID, "INVALID_REQUEST")

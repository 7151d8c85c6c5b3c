"""Test the limit of open streams per person: above the limit, a new stream ends the oldest stream of the person."""

from __future__ import annotations

import asyncio
from typing import Any
from uuid import UUID

import grpc

from proctorium_common.errors import Kind
from proctorium_common.rpc.access import rule_of
from proctorium_common.rpc.server import ServerLimits
from proctorium_common.rpc.status import error_of
from proctorium_common.security.tokens import TokenSigner
from proctorium_devstack.testing.contracts import all_methods

from .echo import pb, stubs
from .serving import bearer, serving

TIMEOUT = 20.0
LIMIT = 4


async def forever(request: Any, context: Any) -> Any:
    await asyncio.Event().wait()


async def opened(stub: Any, token: str, text: str = "") -> Any:
    """Open a stream, wait until the server has admitted the stream, and return the stream."""
    stream = stub.Watch(pb.EchoRequest(text=text), metadata=bearer(token))
    async with asyncio.timeout(TIMEOUT):
        assert (await stream.read()).text == "first"
    return stream


async def end_of(stream: Any) -> tuple[Kind, str]:
    try:
        async with asyncio.timeout(TIMEOUT):
            while await stream.read() is not grpc.aio.EOF:
                pass
    except grpc.aio.AioRpcError as failed:
        error = error_of(failed)
        return error.kind, error.reason
    raise AssertionError("it ended without an error")


def test_no_stream_is_public() -> None:
    streams = [m for m in all_methods() if m.server_streaming or m.client_streaming]
    assert streams
    assert [method.full_name for method in streams if rule_of(method).public] == []


async def test_oldest_stream_ends_above_the_limit() -> None:
    limits = ServerLimits(streams_per_person=LIMIT)
    async with serving(forever, limits=limits) as served, served.channel() as channel:
        stub = stubs.EchoServiceStub(channel)
        token, other = served.token("learner"), TokenSigner(served.key).sign(UUID(int=7), []).text
        others_stream = await opened(stub, other)
        streams = [await opened(stub, token) for _ in range(LIMIT + 2)]
        for oldest in streams[:2]:
            assert await end_of(oldest) == (Kind.EXHAUSTED, "TOO_MANY_STREAMS")
        # A cancelled stream does not count any more, so the next stream does not end another stream.
        streams[2].cancel()
        async with asyncio.timeout(TIMEOUT):
            while served.servicer.watchers_left < 3:
                await asyncio.sleep(0.01)
        streams.append(await opened(stub, token))
        assert not any(stream.done() for stream in (others_stream, *streams[3:]))
        for stream in (others_stream, *streams[3:]):
            stream.cancel()
    reasons = [line.get("reason") for line in served.log.lines]
    assert reasons.count("TOO_MANY_STREAMS") == 2
    assert served.server._calls._streams_by_person == {}


async def test_unread_stream_ends_above_the_limit() -> None:
    limits = ServerLimits(streams_per_person=1)
    async with serving(forever, limits=limits) as served, served.channel() as channel:
        stub = stubs.EchoServiceStub(channel)
        token = served.token("learner")
        unread = await opened(stub, token, "flood")
        newest = await opened(stub, token)
        async with asyncio.timeout(TIMEOUT):
            while served.servicer.watchers_left < 1:
                await asyncio.sleep(0.01)
        assert not newest.done()
        unread.cancel()
        newest.cancel()

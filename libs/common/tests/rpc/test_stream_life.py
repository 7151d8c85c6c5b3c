"""Test that a stream ends when the token with which the stream was opened expires."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import grpc
import pytest

from proctorium_common.errors import Kind, ServiceError
from proctorium_common.rpc.status import error_of

from .echo import pb, stubs
from .serving import Served, bearer, serving

TIMEOUT = 10.0
# A verifier accepts a token until 30 s after its expiry, because clocks differ. A new token with this negative lifetime
# has already expired, but is accepted for another 1.5 s to 2.5 s.
NEARLY_EXPIRED = timedelta(seconds=-27.5)


async def forever(request: Any, context: Any) -> Any:
    await asyncio.Event().wait()


async def silent() -> AsyncIterator[Any]:
    await asyncio.Event().wait()
    yield pb.EchoRequest()


async def end_of(stream: Any) -> ServiceError | None:
    """Read the stream until its end; return the error of the stream, or None if it ends without an error."""
    try:
        async with asyncio.timeout(TIMEOUT):
            async for _ in stream:
                pass
    except grpc.aio.AioRpcError as failed:
        return error_of(failed)
    return None


def opened(served: Served, channel: Any, method: str, token: str) -> Any:
    stub = stubs.EchoServiceStub(channel)
    request = silent() if method == "Talk" else pb.EchoRequest()
    return getattr(stub, method)(request, metadata=bearer(token))


@pytest.mark.parametrize("method", ["Watch", "Talk"])
async def test_stream_ends_when_its_token_expires(method: str) -> None:
    async with serving(forever) as served, served.channel() as channel:
        token = served.token("learner", lifetime=NEARLY_EXPIRED)
        # Open two streams. The server verifies the token for the first stream, and finds the token in its cache for the
        # second stream.
        errors = await asyncio.gather(
            *(end_of(opened(served, channel, method, token)) for _ in range(2))
        )
        assert served.telemetry.metrics.in_flight == 0
    for error in errors:
        assert error is not None
        assert (error.kind, error.reason) == (Kind.UNAUTHENTICATED, "TOKEN_EXPIRED")
        assert "renewed" in error.message  # the message for an open stream
    assert served.log.lines[0]["code"] == "UNAUTHENTICATED"
    assert served.log.lines[0]["reason"] == "TOKEN_EXPIRED"


async def test_streams_of_other_tokens_stay_open() -> None:
    async with serving(forever) as served, served.channel() as channel:
        longer = opened(served, channel, "Watch", served.token("learner"))
        assert (await longer.read()).text == "first"
        shorter = opened(served, channel, "Watch", served.token("learner", lifetime=NEARLY_EXPIRED))
        assert await end_of(shorter) is not None
        assert served.servicer.watchers_left == 1
        assert not longer.done()
        longer.cancel()


async def test_new_token_reopens_the_stream() -> None:
    async with serving(forever) as served, served.channel() as channel:
        assert await end_of(
            opened(served, channel, "Watch", served.token("learner", lifetime=NEARLY_EXPIRED))
        )
        reopened = opened(served, channel, "Watch", served.token("learner"))
        assert (await reopened.read()).text == "first"
        reopened.cancel()


async def test_finished_stream_is_not_ended_again() -> None:
    async with serving() as served, served.channel() as channel:
        token = served.token("learner", lifetime=NEARLY_EXPIRED)
        assert await end_of(opened(served, channel, "Watch", token)) is None
    assert [line["code"] for line in served.log.lines] == ["OK"]

"""A stream lives no longer than the token that it was opened with: rights that were taken away end there too."""

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

PATIENCE = 10.0
# A verifier lets thirty seconds of difference between clocks pass; one and a half to two and a half of them are left.
NEARLY_OVER = timedelta(seconds=-27.5)


async def for_ever(request: Any, context: Any) -> Any:
    await asyncio.Event().wait()


async def silent() -> AsyncIterator[Any]:
    await asyncio.Event().wait()
    yield pb.EchoRequest()


async def end_of(stream: Any) -> ServiceError | None:
    """What the stream ends in; None for a good end."""
    try:
        async with asyncio.timeout(PATIENCE):
            async for _ in stream:
                pass
    except grpc.aio.AioRpcError as failed:
        return error_of(failed)
    return None


def opened(served: Served, channel: Any, method: str, token: str) -> Any:
    stub = stubs.EchoServiceStub(channel)
    asked = silent() if method == "Talk" else pb.EchoRequest()
    return getattr(stub, method)(asked, metadata=bearer(token))


@pytest.mark.parametrize("method", ["Watch", "Talk"])
async def test_a_stream_ends_when_its_token_does_and_says_so(method: str) -> None:
    async with serving(for_ever) as served, served.channel() as channel:
        token = served.token("learner", life=NEARLY_OVER)
        # Two at once: the one verifies the token, the other finds it remembered.
        errors = await asyncio.gather(
            *(end_of(opened(served, channel, method, token)) for _ in range(2))
        )
        assert served.telemetry.metrics.in_flight == 0
    for error in errors:
        assert error is not None
        assert (error.kind, error.reason) == (Kind.UNAUTHENTICATED, "TOKEN_EXPIRED")
        assert (
            "renewed" in error.message
        )  # the stream's, and not that of a token that came too late
    assert served.log.lines[0]["code"] == "UNAUTHENTICATED"
    assert served.log.lines[0]["reason"] == "TOKEN_EXPIRED"


async def test_each_stream_has_the_life_of_its_own_token() -> None:
    async with serving(for_ever) as served, served.channel() as channel:
        longer = opened(served, channel, "Watch", served.token("learner"))
        assert (await longer.read()).text == "first"
        shorter = opened(served, channel, "Watch", served.token("learner", life=NEARLY_OVER))
        assert await end_of(shorter) is not None
        assert served.servicer.watchers_left == 1
        assert not longer.done()
        longer.cancel()


async def test_a_fresh_token_opens_the_stream_again() -> None:
    async with serving(for_ever) as served, served.channel() as channel:
        assert await end_of(
            opened(served, channel, "Watch", served.token("learner", life=NEARLY_OVER))
        )
        again = opened(served, channel, "Watch", served.token("learner"))
        assert (await again.read()).text == "first"
        again.cancel()


async def test_a_stream_that_has_ended_by_itself_is_over() -> None:
    async with serving() as served, served.channel() as channel:
        token = served.token("learner", life=NEARLY_OVER)
        assert await end_of(opened(served, channel, "Watch", token)) is None
    assert [line["code"] for line in served.log.lines] == ["OK"]

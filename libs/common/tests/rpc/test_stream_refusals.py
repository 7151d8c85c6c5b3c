"""Test that the refusal of a stream always contains the reason, even if the client is still sending."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from typing import Any

import grpc
import pytest

from proctorium_common.rpc.status import error_of

from .echo import pb, stubs
from .serving import bearer, serving

REPETITIONS = 500


async def invalid_first() -> AsyncIterator[Any]:
    yield pb.EchoRequest(text="x" * 21)
    for _ in range(4):
        yield pb.EchoRequest(text="fine")


async def outcome(call: Any) -> tuple[str, str]:
    """Wait until the call ends; return the code and the reason of its error."""
    try:
        if hasattr(call, "__aiter__"):
            async for _ in call:
                pass
        else:
            await call
    except grpc.aio.AioRpcError as failed:
        return failed.code().name, error_of(failed).reason
    return "OK", ""


@pytest.mark.parametrize("method", ["Talk", "Gather"])
async def test_refused_request_stream_reports_its_reason(method: str) -> None:
    outcomes: Counter[tuple[str, str]] = Counter()
    async with serving() as served, served.channel() as channel:
        call = getattr(stubs.EchoServiceStub(channel), method)
        metadata = bearer(served.token("learner"))
        for _ in range(REPETITIONS):
            outcomes[await outcome(call(invalid_first(), metadata=metadata))] += 1
    assert outcomes == {("INVALID_ARGUMENT", "INVALID_REQUEST"): REPETITIONS}


async def test_refused_stream_reports_its_reason_to_a_writing_client() -> None:
    outcomes: Counter[tuple[str, str]] = Counter()
    async with serving() as served, served.channel() as channel:
        stub = stubs.EchoServiceStub(channel)
        metadata = bearer(served.token("learner"))
        for _ in range(REPETITIONS):
            call = stub.Talk(metadata=metadata)
            try:
                for request in [pb.EchoRequest(text="x" * 21)] + [pb.EchoRequest()] * 3:
                    await call.write(request)
            except (grpc.aio.AioRpcError, asyncio.InvalidStateError):
                pass  # the call was refused before the client had sent all requests
            outcomes[await outcome(call)] += 1
    assert outcomes == {("INVALID_ARGUMENT", "INVALID_REQUEST"): REPETITIONS}

"""Calls that must be refused."""

from __future__ import annotations

from collections.abc import Awaitable

import grpc

from proctorium_common.errors import ServiceError
from proctorium_common.rpc.status import error_of


async def refusal(call: Awaitable[object]) -> ServiceError:
    """Return the error with which a call is refused; fail if it succeeds."""
    try:
        answer = await call
    except grpc.aio.AioRpcError as failed:
        return error_of(failed)
    except ServiceError as refused:
        # What the gRPC-Web stubs of the end-to-end tests raise.
        return refused
    raise AssertionError(f"the call was not refused: {answer}")

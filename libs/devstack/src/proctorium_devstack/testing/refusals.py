"""An assertion for calls that must fail."""

from __future__ import annotations

from collections.abc import Awaitable

import grpc

from proctorium_common.errors import ServiceError
from proctorium_common.rpc.status import error_of


async def refusal(call: Awaitable[object]) -> ServiceError:
    """Await a call that must fail, and return its error. Fail if the call succeeds."""
    try:
        response = await call
    except grpc.aio.AioRpcError as error:
        return error_of(error)
    except ServiceError as error:
        # gRPC's stubs raise an AioRpcError. The gRPC-Web stubs of the end-to-end tests raise a ServiceError.
        return error
    raise AssertionError(f"the call succeeded: {response}")

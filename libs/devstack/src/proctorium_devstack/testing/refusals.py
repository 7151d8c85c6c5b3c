"""An assertion for calls that must fail."""

from __future__ import annotations

from collections.abc import Awaitable

import grpc

from proctorium_common.errors import ServiceError
from proctorium_common.rpc.status import error_of


async def refusal(call: Awaitable[object]) -> ServiceError:
    """Return the error of a call. Fail if the call succeeds."""
    try:
        response = await call
    except grpc.aio.AioRpcError as error:
        return error_of(error)
    except ServiceError as error:
        # The gRPC-Web stubs of the end-to-end tests raise ServiceError.
        return error
    raise AssertionError(f"the call succeeded: {response}")

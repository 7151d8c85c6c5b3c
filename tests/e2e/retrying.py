"""A channel that retries failed calls with the same request for a limited time."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from google.protobuf.message import Message

from proctorium.client.channel import Deserialize, Serialize
from proctorium_common.errors import Kind, ServiceError
from proctorium_devstack.demo.edge import EdgeChannel

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)

RETRY_SECONDS = 60.0
_PAUSE_SECONDS = 0.2
_CALL_SECONDS = 5.0
RETRIED = frozenset({Kind.UNAVAILABLE, Kind.TIMED_OUT})


class RetryingChannel(EdgeChannel):
    """Retries unary calls that time out or fail with UNAVAILABLE. The calls must be idempotent."""

    def unary_unary(
        self,
        method: str,
        request_serializer: Serialize[Request],
        response_deserializer: Deserialize[Response],
        **_: object,
    ) -> Callable[..., Awaitable[Response]]:
        """Return a function that calls the method and retries the call."""
        once = super().unary_unary(method, request_serializer, response_deserializer)

        async def with_retries(request: Request, timeout: float = _CALL_SECONDS) -> Response:
            loop = asyncio.get_running_loop()
            deadline = loop.time() + RETRY_SECONDS
            while True:
                try:
                    return await once(request, timeout=timeout)
                except ServiceError as error:
                    if error.kind not in RETRIED or loop.time() > deadline:
                        raise
                    await asyncio.sleep(_PAUSE_SECONDS)

        return with_retries

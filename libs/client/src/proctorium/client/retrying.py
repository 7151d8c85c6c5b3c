"""A channel that retries the calls that can be repeated safely."""

from __future__ import annotations

import asyncio
import copy
import random
import uuid
from collections.abc import Awaitable, Callable, Iterator
from datetime import timedelta

import grpc
from google.protobuf import descriptor_pool
from google.protobuf.descriptor import MethodDescriptor
from google.protobuf.descriptor_pb2 import MethodOptions

from proctorium.client.channel import (
    CALL_TIMEOUT_SECONDS,
    Channel,
    Deserialize,
    Request,
    Response,
    Serialize,
)
from proctorium.client.errors import CallError

_FIRST_PAUSE_SECONDS = 0.2
_LONGEST_PAUSE_SECONDS = 5.0
# These methods have no request ID, but the contract states that each of them can be repeated with the same result.
_REPEATABLE = frozenset({"RefreshToken", "SaveAnswers", "SignOut"})


class RetryingChannel(Channel):
    """Retries a call that fails with UNAVAILABLE until its timeout, if the call can be repeated safely.

    If a request takes a request ID and has none, the channel sends a new one, so that the call can be repeated.
    """

    def unary_unary(
        self,
        method: str,
        request_serializer: Serialize[Request],
        response_deserializer: Deserialize[Response],
        **_: object,
    ) -> Callable[..., Awaitable[Response]]:
        """Return the function with which a stub calls a unary method."""
        once = super().unary_unary(method, request_serializer, response_deserializer)
        name = method.lstrip("/").replace("/", ".")
        descriptor = descriptor_pool.Default().FindMethodByName(name)
        if not is_repeatable(descriptor):
            return once
        with_id = _takes_request_id(descriptor)

        async def send(request: Request, timeout: float = CALL_TIMEOUT_SECONDS) -> Response:
            if with_id and not getattr(request, "request_id", ""):
                request = copy.deepcopy(request)
                request.request_id = str(uuid.uuid4())  # type: ignore[attr-defined]
            return await _until_deadline(lambda left: once(request, timeout=left), timeout)

        return send


async def _until_deadline(call: Callable[[float], Awaitable[Response]], timeout: float) -> Response:
    loop = asyncio.get_running_loop()
    deadline = loop.time() + timeout
    for pause in pauses():
        try:
            return await call(deadline - loop.time())
        except CallError as error:
            if error.code is not grpc.StatusCode.UNAVAILABLE:
                raise
            wait = max(pause, (error.retry_after or timedelta()).total_seconds())
            if loop.time() + wait >= deadline:
                raise
        await asyncio.sleep(wait)
    raise AssertionError("pauses() has no end")


def pauses() -> Iterator[float]:
    """Yield the pauses between repetitions, in seconds. They grow, and differ between clients."""
    longest = _FIRST_PAUSE_SECONDS
    while True:
        yield longest * random.uniform(0.5, 1)
        longest = min(2 * longest, _LONGEST_PAUSE_SECONDS)


def is_repeatable(method: MethodDescriptor) -> bool:
    """Return whether a second call with the same request changes nothing."""
    return (
        method.GetOptions().idempotency_level == MethodOptions.NO_SIDE_EFFECTS
        or _takes_request_id(method)
        or method.name in _REPEATABLE
    )


def _takes_request_id(method: MethodDescriptor) -> bool:
    return "request_id" in method.input_type.fields_by_name

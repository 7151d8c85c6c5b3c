"""A gRPC channel to the edge as a person's client uses it: their token, the current trace, and errors with reasons."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Protocol, TypeVar, cast

import grpc
from google.protobuf.message import Message

from proctorium_common.rpc.client import keep_status
from proctorium_common.rpc.status import error_of
from proctorium_common.telemetry.traces import inject

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)
Serialize = Callable[[Request], bytes]
Deserialize = Callable[[bytes], Response]

CALL_TIMEOUT_SECONDS = 20.0


class Channel(Protocol):
    """What stubs are made on: over gRPC here, over gRPC-Web in the end-to-end tests. `token` goes with every call from now on."""

    token: str | None

    async def close(self) -> None:
        """Ends the connections."""


def stub_on(channel: Channel) -> grpc.aio.Channel:
    """`channel`, as the type that generated stubs ask for; they only look up methods on it."""
    return cast("grpc.aio.Channel", channel)


class EdgeChannel:
    """Stands where stubs expect a channel. Failures are raised as ServiceError, with the server's reason.

    `address` is host:port of the edge; `token` is sent with every call; without it calls are anonymous.
    """

    def __init__(self, address: str, token: str | None = None) -> None:
        self._channel = grpc.aio.insecure_channel(address)
        self.token = token

    async def close(self) -> None:
        """Ends the connections."""
        await self._channel.close()

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """What goes with every call."""
        headers: dict[str, str] = {}
        if self.token is not None:
            headers["authorization"] = f"Bearer {self.token}"
        inject(headers)
        return tuple(headers.items())

    def unary_unary(
        self,
        method: str,
        request_serializer: Serialize[Request],
        response_deserializer: Deserialize[Response],
        **_: object,
    ) -> Callable[..., Awaitable[Response]]:
        """What a stub asks for a method with one answer."""
        call = self._channel.unary_unary(method, request_serializer, response_deserializer)

        async def answer(request: Request, timeout: float = CALL_TIMEOUT_SECONDS) -> Response:
            try:
                return await call(request, metadata=self.metadata(), timeout=timeout)
            except grpc.aio.AioRpcError as failed:
                raise error_of(failed) from None

        return answer

    def unary_stream(
        self,
        method: str,
        request_serializer: Serialize[Request],
        response_deserializer: Deserialize[Response],
        **_: object,
    ) -> Callable[..., AsyncIterator[Response]]:
        """What a stub asks for a method with a stream of answers."""
        call = self._channel.unary_stream(method, request_serializer, response_deserializer)

        async def answers(
            request: Request, timeout: float | None = None
        ) -> AsyncIterator[Response]:
            try:
                async for response in call(request, metadata=self.metadata(), timeout=timeout):
                    yield response
            except grpc.aio.AioRpcError as failed:
                raise error_of(failed) from None

        return answers

    def stream_stream(
        self,
        method: str,
        request_serializer: Serialize[Request],
        response_deserializer: Deserialize[Response],
        **_: object,
    ) -> Callable[..., AsyncIterator[Response]]:
        """What a stub asks for a method that streams both ways."""
        call = self._channel.stream_stream(method, request_serializer, response_deserializer)

        async def answers(
            requests: AsyncIterator[Request], timeout: float | None = None
        ) -> AsyncIterator[Response]:
            try:
                under_way = call(requests, metadata=self.metadata(), timeout=timeout)
                async for response in keep_status(under_way):
                    yield response
            except grpc.aio.AioRpcError as failed:
                raise error_of(failed) from None

        return answers

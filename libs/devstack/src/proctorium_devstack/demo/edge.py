"""A gRPC channel to the edge. It sends a person's token and the trace context. A failed call raises a ServiceError."""

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
    """A channel for generated stubs. `EdgeChannel` uses gRPC. The end-to-end tests have a channel that uses gRPC-Web.

    `token` is sent with every call. The caller may replace the token between calls.
    """

    token: str | None

    async def close(self) -> None:
        """Close the connections."""


def stub_on(channel: Channel) -> grpc.aio.Channel:
    """Cast `channel` to the type that generated stubs require. Stubs use only the methods that `Channel` has."""
    return cast("grpc.aio.Channel", channel)


class EdgeChannel:
    """A `Channel` over gRPC that raises a ServiceError with the server's reason if a call fails.

    `address` is the edge's `host:port`. Without a `token`, calls are anonymous.
    """

    def __init__(self, address: str, token: str | None = None) -> None:
        self._channel = grpc.aio.insecure_channel(address)
        self.token = token

    async def ready(self) -> None:
        """Wait until the edge is connected. After a failed connection, gRPC waits before it connects again."""
        await self._channel.channel_ready()

    async def close(self) -> None:
        """Close the connections."""
        await self._channel.close()

    def metadata(self) -> tuple[tuple[str, str], ...]:
        """Return the metadata for a call: the token and the trace context."""
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
        """Return the function with which a stub calls a unary method."""
        call = self._channel.unary_unary(method, request_serializer, response_deserializer)

        async def send(request: Request, timeout: float = CALL_TIMEOUT_SECONDS) -> Response:
            try:
                return await call(request, metadata=self.metadata(), timeout=timeout)
            except grpc.aio.AioRpcError as failed:
                raise error_of(failed) from None

        return send

    def unary_stream(
        self,
        method: str,
        request_serializer: Serialize[Request],
        response_deserializer: Deserialize[Response],
        **_: object,
    ) -> Callable[..., AsyncIterator[Response]]:
        """Return the function with which a stub calls a method that returns a stream."""
        call = self._channel.unary_stream(method, request_serializer, response_deserializer)

        async def stream(request: Request, timeout: float | None = None) -> AsyncIterator[Response]:
            try:
                async for response in call(request, metadata=self.metadata(), timeout=timeout):
                    yield response
            except grpc.aio.AioRpcError as failed:
                raise error_of(failed) from None

        return stream

    def stream_stream(
        self,
        method: str,
        request_serializer: Serialize[Request],
        response_deserializer: Deserialize[Response],
        **_: object,
    ) -> Callable[..., AsyncIterator[Response]]:
        """Return the function with which a stub calls a method with streams in both directions."""
        call = self._channel.stream_stream(method, request_serializer, response_deserializer)

        async def stream(
            requests: AsyncIterator[Request], timeout: float | None = None
        ) -> AsyncIterator[Response]:
            try:
                responses = call(requests, metadata=self.metadata(), timeout=timeout)
                async for response in keep_status(responses):
                    yield response
            except grpc.aio.AioRpcError as failed:
                raise error_of(failed) from None

        return stream

"""A channel for generated stubs, which adds metadata to each call and converts the errors of gRPC."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import TypeVar, cast

import grpc
from google.protobuf.message import Message

from proctorium.client.errors import call_error

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)
Call = TypeVar("Call")
Serialize = Callable[[Request], bytes]
Deserialize = Callable[[bytes], Response]
Metadata = tuple[tuple[str, str], ...]

CALL_TIMEOUT_SECONDS = 20.0


def stub_on(channel: object) -> grpc.aio.Channel:
    """Cast `channel` to the type that generated stubs require. Stubs use only the methods that `Channel` has."""
    return cast("grpc.aio.Channel", channel)


class Channel:
    """The calls of generated stubs on a gRPC channel, without interceptors, which would create a task for each call.

    Subclasses override `metadata` to authenticate the caller, and `error` to raise other errors.
    """

    def __init__(self, channel: grpc.aio.Channel) -> None:
        self._channel = channel

    async def metadata(self) -> Metadata:
        """Return the metadata of a call."""
        return ()

    def error(self, failed: grpc.aio.AioRpcError) -> Exception:
        """Return the exception to raise for an error of gRPC."""
        return call_error(failed)

    def opened(self, call: Call) -> Call:
        """Return a new call with a stream of requests; subclasses may change the call."""
        return call

    async def close(self) -> None:
        """Close the connection."""
        await self._channel.close()

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
            metadata = await self.metadata()
            try:
                return await call(request, metadata=metadata, timeout=timeout)
            except grpc.aio.AioRpcError as failed:
                raise self.error(failed) from None

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
            metadata = await self.metadata()
            try:
                async for response in call(request, metadata=metadata, timeout=timeout):
                    yield response
            except grpc.aio.AioRpcError as failed:
                raise self.error(failed) from None

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
            metadata = await self.metadata()
            try:
                async for response in self.opened(
                    call(requests, metadata=metadata, timeout=timeout)
                ):
                    yield response
            except grpc.aio.AioRpcError as failed:
                raise self.error(failed) from None

        return stream

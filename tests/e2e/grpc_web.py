"""A gRPC-Web client that calls the edge as a browser does, with HTTP/1.1 requests.

The client uses the binary format (application/grpc-web+proto). A frame has one flag byte, a length of four bytes and a
payload. A frame whose highest flag bit is set contains the trailers. Source: PROTOCOL-WEB.md of the gRPC project.
"""

from __future__ import annotations

import base64
import struct
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Generic, TypeVar
from urllib.parse import unquote

import grpc
import httpx2
from google.protobuf.message import Message
from google.rpc import status_pb2

from proctorium_common.errors import ServiceError, unavailable
from proctorium_common.rpc.status import error_of
from proctorium_common.telemetry.traces import inject

Request = TypeVar("Request", bound=Message)
Response = TypeVar("Response", bound=Message)

_TRAILERS = 0x80
_HEADER = struct.Struct(">BI")


class WebChannel:
    """A channel for the methods of generated stubs that take a single request.

    Each request has the cookies that the edge has set, as in a browser. If `token` is set, each request also has the
    bearer token `token`.
    """

    def __init__(self, address: str, token: str | None = None) -> None:
        self.http = httpx2.AsyncClient(base_url=f"http://{address}", timeout=30)
        self.token = token

    async def close(self) -> None:
        """Close the connections."""
        await self.http.aclose()

    def unary_unary(
        self,
        method: str,
        request_serializer: Callable[[Request], bytes],
        response_deserializer: Callable[[bytes], Response],
        **_: object,
    ) -> WebCall[Request, Response]:
        """Return an object that calls a method with one response."""
        return WebCall(self, method, request_serializer, response_deserializer)

    def unary_stream(
        self,
        method: str,
        request_serializer: Callable[[Request], bytes],
        response_deserializer: Callable[[bytes], Response],
        **_: object,
    ) -> WebStream[Request, Response]:
        """Return an object that calls a method with a stream of responses."""
        return WebStream(self, method, request_serializer, response_deserializer)

    def stream_stream(self, method: str, *_: object, **__: object) -> Callable[..., object]:
        """Return a function that raises NotImplementedError, because browsers cannot stream requests."""

        def refuse(*_: object, **__: object) -> object:
            raise NotImplementedError(f"{method} streams its requests, which gRPC-Web cannot")

        return refuse

    def sent(self, method: str, body: bytes) -> None:
        """Do nothing; subclasses may record the sent request."""

    def received(self, response: Message) -> None:
        """Do nothing; subclasses may record the received response."""

    def headers(self) -> dict[str, str]:
        """Return the headers for a request."""
        headers = {
            "content-type": "application/grpc-web+proto",
            "accept": "application/grpc-web+proto",
            "x-grpc-web": "1",
        }
        if self.token is not None:
            headers["authorization"] = f"Bearer {self.token}"
        inject(headers)
        return headers


class WebCall(Generic[Request, Response]):
    """An object that calls a method with one response."""

    def __init__(
        self,
        channel: WebChannel,
        method: str,
        serialize: Callable[[Request], bytes],
        deserialize: Callable[[bytes], Response],
    ) -> None:
        self._channel = channel
        self._method = method
        self._serialize = serialize
        self._deserialize = deserialize

    async def __call__(self, request: Request, timeout: float | None = None) -> Response:
        """Send the request and return the response; raise ServiceError with the reason if the call is refused."""
        responses = [response async for response in self.responses(request)]
        if len(responses) != 1:
            raise AssertionError(f"{self._method} returned {len(responses)} responses")
        return responses[0]

    async def responses(self, request: Request) -> AsyncIterator[Response]:
        """Yield the responses; raise ServiceError if the connection breaks or the status is not OK."""
        try:
            async for message in self._exchange(request):
                yield message
        except httpx2.TransportError as failure:
            raise unavailable(
                "DEPENDENCY_UNAVAILABLE", f"the connection broke: {failure!r}"
            ) from None

    async def _exchange(self, request: Request) -> AsyncIterator[Response]:
        body = self._serialize(request)
        self._channel.sent(self._method, body)
        async with self._channel.http.stream(
            "POST",
            self._method,
            headers=self._channel.headers(),
            content=frame_message(body),
        ) as response:
            trailers = dict(response.headers)
            async for flag, payload in _frames(response.aiter_raw()):
                if flag & _TRAILERS:
                    trailers |= _parse_trailers(payload)
                else:
                    message = self._deserialize(payload)
                    self._channel.received(message)
                    yield message
        _raise_for(trailers, response.status_code)


class WebStream(WebCall[Request, Response]):
    """An object that calls a method with a stream of responses."""

    def __call__(  # type: ignore[override]
        self, request: Request, timeout: float | None = None
    ) -> AsyncIterator[Response]:
        """Send the request and return an iterator of the responses."""
        return self.responses(request)


def frame_message(payload: bytes) -> bytes:
    """Return the gRPC-Web frame that contains the encoded message `payload`."""
    return _HEADER.pack(0, len(payload)) + payload


def response_body(message: Message) -> bytes:
    """Return the body of a successful response with one message."""
    trailers = b"grpc-status:0\r\n"
    return (
        frame_message(message.SerializeToString())
        + _HEADER.pack(_TRAILERS, len(trailers))
        + trailers
    )


def unframe_message(body: bytes, kind: type[Request]) -> Request:
    """Return the decoded message in the body of a gRPC-Web request."""
    return kind.FromString(body[_HEADER.size :])


async def _frames(chunks: AsyncIterator[bytes]) -> AsyncIterator[tuple[int, bytes]]:
    buffer = b""
    async for chunk in chunks:
        buffer += chunk
        while len(buffer) >= _HEADER.size:
            flag, length = _HEADER.unpack_from(buffer)
            end = _HEADER.size + length
            if len(buffer) < end:
                break
            yield flag, buffer[_HEADER.size : end]
            buffer = buffer[end:]


def _parse_trailers(payload: bytes) -> dict[str, str]:
    lines = (line.partition(":") for line in payload.decode().split("\r\n") if line)
    return {name.strip().lower(): value.strip() for name, _, value in lines}


def _raise_for(trailers: Mapping[str, str], http_status: int) -> None:
    code = trailers.get("grpc-status")
    if code == "0":
        return
    if code is None:
        raise AssertionError(f"the edge returned HTTP {http_status} without a gRPC status")
    raise _error(int(code), trailers)


def _error(code: int, trailers: Mapping[str, str]) -> ServiceError:
    status_code = next(known for known in grpc.StatusCode if known.value[0] == code)
    metadata = []
    if details := trailers.get("grpc-status-details-bin"):
        raw = base64.b64decode(details + "=" * (-len(details) % 4))
        status_pb2.Status.FromString(raw)
        metadata.append(("grpc-status-details-bin", raw))
    return error_of(
        grpc.aio.AioRpcError(
            status_code,
            grpc.aio.Metadata(),
            grpc.aio.Metadata(*metadata),
            details=unquote(trailers.get("grpc-message", "")),
        )
    )

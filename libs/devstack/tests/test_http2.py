"""Tests that the HTTP/2 client reads gRPC messages, even if a message arrives in several frames or byte by byte."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest

from proctorium_devstack.testing.http2 import DATA, PING, Streams, frame

TOKEN = "t" * 300
"""A token that is so long that its length does not fit into seven bits."""
LONGER_THAN_A_FRAME = 20_000


class RecordingTransport(asyncio.Transport):
    """A transport that stores the written bytes instead of sending them."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)


@pytest.fixture
async def address() -> AsyncIterator[str]:
    """Yield the address of a server.

    On each stream, the server sends two responses, which contain the request, and leaves the stream open.
    """

    async def repeat(request: bytes, context: grpc.aio.ServicerContext[bytes, bytes]) -> None:
        metadata = {str(key): value for key, value in context.invocation_metadata() or ()}
        assert metadata["authorization"] == TOKEN
        for nth in (b"1", b"2"):
            await context.write(nth + request * LONGER_THAN_A_FRAME)
        await asyncio.Event().wait()

    server = grpc.aio.server()
    handler: grpc.RpcMethodHandler[bytes, bytes] = grpc.unary_stream_rpc_method_handler(repeat)
    server.add_generic_rpc_handlers(
        (grpc.method_handlers_generic_handler("test.Repeating", {"Repeat": handler}),)
    )
    port = server.add_insecure_port("127.0.0.1:0")
    await server.start()
    yield f"127.0.0.1:{port}"
    await server.stop(None)


async def test_each_stream_receives_its_own_messages(address: str) -> None:
    received: dict[int, list[bytes]] = {}
    complete = asyncio.Event()

    def on_message(number: int, message: bytes, _: float) -> None:
        received.setdefault(number, []).append(message)
        if sum(map(len, received.values())) == 20:
            complete.set()

    host, _, port = address.rpartition(":")
    streams = Streams(100, on_message)
    await asyncio.get_running_loop().create_connection(lambda: streams, host, int(port))
    requests = [str(nth).encode() for nth in range(10)]
    for request in requests:
        streams.open("/test.Repeating/Repeat", request, {"authorization": TOKEN})
    async with asyncio.timeout(10):
        await complete.wait()
    assert streams.failure is None
    assert received == {
        100 + nth: [first + request * LONGER_THAN_A_FRAME for first in (b"1", b"2")]
        for nth, request in enumerate(requests)
    }
    streams.close()


def test_frames_in_single_bytes_are_read() -> None:
    received: list[tuple[int, bytes]] = []
    streams = Streams(7, lambda number, message, _: received.append((number, message)))
    transport = RecordingTransport()
    streams.connection_made(transport)
    transport.written = b""
    message = b"\0\0\0\0\x05hello"
    sent = frame(DATA, 0, 3, message[:4]) + frame(PING, 0, 0, b"12345678")
    sent += frame(DATA, 0, 1, message + message[:2]) + frame(DATA, 0, 3, message[4:])
    sent += frame(DATA, 0, 1, message[2:])
    for byte in sent:
        streams.data_received(bytes([byte]))
    assert received == [(7, b"hello"), (8, b"hello"), (7, b"hello")]
    assert transport.written == frame(PING, 1, 0, b"12345678")

"""The load that watches understands what gRPC sends, however it is cut into pieces."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import grpc
import pytest

from proctorium_devstack.testing.http2 import DATA, PING, Streams, frame

TOKEN = "t" * 300
"""Longer than a length of seven bits can say."""
LONGER_THAN_A_FRAME = 20_000


class Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)


@pytest.fixture
async def address() -> AsyncIterator[str]:
    """A server that says to each stream what it was sent, twice, and then keeps it open."""

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


async def test_each_stream_of_a_connection_is_told_what_is_meant_for_it(address: str) -> None:
    came: dict[int, list[bytes]] = {}
    all_came = asyncio.Event()

    def received(place: int, message: bytes, _: float) -> None:
        came.setdefault(place, []).append(message)
        if sum(map(len, came.values())) == 20:
            all_came.set()

    host, _, port = address.rpartition(":")
    streams = Streams(100, received)
    await asyncio.get_running_loop().create_connection(lambda: streams, host, int(port))
    requests = [str(nth).encode() for nth in range(10)]
    for request in requests:
        streams.open("/test.Repeating/Repeat", request, {"authorization": TOKEN})
    async with asyncio.timeout(10):
        await all_came.wait()
    assert streams.failure is None
    assert came == {
        100 + nth: [first + request * LONGER_THAN_A_FRAME for first in (b"1", b"2")]
        for nth, request in enumerate(requests)
    }
    streams.close()


def test_frames_are_read_whole_however_they_come() -> None:
    came: list[tuple[int, bytes]] = []
    streams = Streams(7, lambda place, message, _: came.append((place, message)))
    wire = Wire()
    streams.connection_made(wire)
    wire.written = b""
    message = b"\0\0\0\0\x05hello"
    sent = frame(DATA, 0, 3, message[:4]) + frame(PING, 0, 0, b"12345678")
    sent += frame(DATA, 0, 1, message + message[:2]) + frame(DATA, 0, 3, message[4:])
    sent += frame(DATA, 0, 1, message[2:])
    for byte in sent:
        streams.data_received(bytes([byte]))
    assert came == [(7, b"hello"), (8, b"hello"), (7, b"hello")]
    assert wire.written == frame(PING, 1, 0, b"12345678")

"""Tests that the edge removes certain headers of clients.

These headers would make a service's gRPC library break the connection that the edge uses for the calls of all clients.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable
from contextlib import suppress

import grpc
import pytest

from proctorium_devstack.testing.http2 import (
    DATA,
    END_HEADERS,
    END_STREAM,
    HEADERS,
    PREFACE,
    RST_STREAM,
    SETTINGS,
    Frames,
    encode,
    frame,
    header_block,
)

from .harness import PUBLIC, WATCH, Harness, StreamCall, UnaryCall

EMPTY_MESSAGE = bytes(5)
PASSED = {
    *("accept", "authorization", "content-length", "cookie", "grpc-accept-encoding"),
    *("grpc-encoding", "origin", "sec-fetch-site", "traceparent", "tracestate"),
    *("x-forwarded-for", "x-forwarded-proto", "x-grpc-web"),
}
"""The headers that the code of a service may receive.

The service also receives grpc-timeout, te and the pseudo-headers, but the gRPC library hides them from the code.
"""

FIELDS: dict[str, list[bytes]] = {
    "deadline-without-unit": [b"grpc-timeout: 5"],
    "deadline-of-letters": [b"grpc-timeout: abc"],
    "deadline-negative": [b"grpc-timeout: -5S"],
    "deadline-empty": [b"grpc-timeout:"],
    "deadline-twice": [b"grpc-timeout: 5S", b"grpc-timeout: 6S"],
    "deadline-of-nine-digits": [b"grpc-timeout: 123456789S"],
    "deadline-with-blank": [b"grpc-timeout: 5 S"],
    "binary-no-base64": [b"x-foo-bin: !!!!"],
    "binary-cut-off": [b"x-foo-bin: abcde"],
    "binary-of-grpc": [b"grpc-trace-bin: !", b"grpc-tags-bin: !", b"grpc-status-details-bin: %"],
    "load-report": [
        b"lb-cost-bin: !",
        b"endpoint-load-metrics-bin: !",
        b"grpc-server-stats-bin: !",
    ],
    "encoding-unknown": [b"grpc-encoding: nonsense"],
    "encodings-unknown": [b"grpc-accept-encoding: ;q=1,,"],
    "status-in-request": [b"grpc-status: abc"],
    "status-too-large": [b"grpc-status: 99999999999"],
    "tries-no-number": [b"grpc-previous-rpc-attempts: abc"],
    "pushback-no-number": [b"grpc-retry-pushback-ms: abc"],
    "message-type": [b"grpc-message-type: %zz"],
    "te": [b"te: gzip"],
    "agent-beyond-ascii": [b"user-agent: caf\xc3\xa9 \xff"],
    "agent-huge": [b"user-agent: " + b"x" * 15_000],
    "metadata-beyond-ascii": [b"x-foo: \xff\xfe"],
    "metadata-huge": [b"x-foo: " + b"x" * 30_000],
    "metadata-many": [b"x-foo%d: %s" % (number, b"a" * 200) for number in range(80)],
    "token-beyond-ascii": [b"authorization: Bearer \xff"],
    "token-huge": [b"authorization: Bearer " + b"x" * 15_000],
    "token-twice": [b"authorization: Bearer a", b"authorization: Bearer b"],
    "cookie-beyond-ascii": [b"cookie: proctorium_token=\xff; proctorium_refresh=\x80"],
    "cookie-huge": [b"cookie: proctorium_refresh=" + b"x" * 15_000],
    "trace-beyond-ascii": [b"traceparent: \xff", b"tracestate: \xfe"],
    "protocol-unknown": [b"x-forwarded-proto: gopher"],
    "name-odd": [b"x!#$%&'*+.^`|~-bin: a"],
}
PSEUDO_FIELDS = {
    "method-delete": {":method": "DELETE"},
    "method-unknown": {":method": "FOO"},
    "scheme-unknown": {":scheme": "gopher"},
    "authority-huge": {":authority": "a" * 9000},
    "query-huge": {":path": PUBLIC + "?" + "a" * 12_000},
    "type-beyond-ascii": {"content-type": "application/grpc+\x80"},
}
TRAILERS = {
    "deadline": [(b"grpc-timeout", b"5")],
    "binary": [(b"x-foo-bin", b"abcde")],
    "encoding": [(b"grpc-encoding", b"nonsense")],
    "status": [(b"grpc-status", b"abc")],
    "huge": [(b"x-foo", b"a" * 15_000)],
    "beyond-ascii": [(b"x-foo", b"\xff")],
}


@pytest.mark.parametrize("fields", FIELDS.values(), ids=FIELDS.keys())
async def test_unreadable_headers_do_not_affect_other_clients(
    harness: Harness, fields: list[bytes]
) -> None:
    async with OtherClient(harness) as other:
        for _ in range(2):
            await post(harness, fields)
            assert set(harness.upstreams.metadata) <= PASSED
        await other.assert_works()


@pytest.mark.parametrize("fields", PSEUDO_FIELDS.values(), ids=PSEUDO_FIELDS.keys())
async def test_unreadable_pseudo_headers_do_not_affect_other_clients(
    harness: Harness, fields: dict[str, str]
) -> None:
    async with OtherClient(harness) as other:
        for _ in range(2):
            await call_in_frames(harness, fields)
        await other.assert_works()


@pytest.mark.parametrize("trailers", TRAILERS.values(), ids=TRAILERS.keys())
async def test_unreadable_trailers_do_not_affect_other_clients(
    harness: Harness, trailers: list[tuple[bytes, bytes]]
) -> None:
    async with OtherClient(harness) as other:
        for _ in range(2):
            await call_in_frames(harness, {}, trailers)
        await other.assert_works()


async def test_repeated_unreadable_deadlines_fail_no_other_call(harness: Harness) -> None:
    async with OtherClient(harness) as other:
        for _ in range(60):
            await post(harness, [b"grpc-timeout: 5"])
            await other.assert_works()


async def test_valid_deadline_is_passed_on(harness: Harness) -> None:
    harness.upstreams.slow = True
    try:
        with pytest.raises(grpc.aio.AioRpcError) as late:
            await harness.call(PUBLIC, timeout=0.05)
    finally:
        harness.upstreams.slow = False
    assert late.value.code() is grpc.StatusCode.DEADLINE_EXCEEDED
    assert harness.upstreams.time_remaining is not None
    # The remaining time may exceed the timeout of 0.05 s, because gRPC rounds up a timeout before sending it.
    assert harness.upstreams.time_remaining < 0.1


class OtherClient:
    """Another client, which makes calls and has an open stream. A hostile request must not affect this client."""

    def __init__(self, harness: Harness) -> None:
        self._harness = harness
        self._channel = grpc.aio.insecure_channel(harness.address)

    async def __aenter__(self) -> OtherClient:
        self._call: UnaryCall = self._channel.unary_unary(PUBLIC)
        watch: StreamCall = self._channel.unary_stream(WATCH)
        self._watch = watch(b"", metadata=self._harness.authorization)
        assert await self._watch.read() == b""
        return self

    async def assert_works(self) -> None:
        """Assert that calls succeed, that the service receives the headers of each call, and the stream is open."""
        for token in ("Bearer mine", "Bearer mine", "Bearer other"):
            metadata = (("authorization", token), ("traceparent", token))
            await self._call(b"", metadata=metadata, timeout=5)
            received = self._harness.upstreams.metadata
            assert (received["authorization"], received["traceparent"]) == (token, token)
        assert not self._watch.done()

    async def __aexit__(self, *_: object) -> None:
        self._watch.cancel()
        await self._channel.close()


async def post(harness: Harness, fields: Iterable[bytes]) -> None:
    """Send a gRPC-Web call with these header lines, and wait until the response's headers are complete."""
    reader, writer = await harness.connect()
    head = [
        b"POST " + PUBLIC.encode() + b" HTTP/1.1",
        b"host: localhost",
        b"content-type: application/grpc-web+proto",
        b"content-length: 5",
        *fields,
    ]
    writer.write(b"\r\n".join(head) + b"\r\n\r\n" + EMPTY_MESSAGE)
    async with asyncio.timeout(10):
        await reader.readuntil(b"\r\n\r\n")
    writer.close()


async def call_in_frames(
    harness: Harness, metadata: dict[str, str], trailers: Iterable[tuple[bytes, bytes]] = ()
) -> None:
    """Send a gRPC call with these headers and trailers, and wait until the stream or the connection ends."""
    reader, writer = await harness.connect()
    head = header_block(PUBLIC, metadata)
    writer.write(PREFACE + frame(SETTINGS, 0, 0, b""))
    writer.write(frame(HEADERS, END_HEADERS, 1, head) + frame(DATA, 0, 1, EMPTY_MESSAGE))
    encoded = encode(trailers)
    if encoded:
        writer.write(frame(HEADERS, END_HEADERS | END_STREAM, 1, encoded))
    else:
        writer.write(frame(DATA, END_STREAM, 1, b""))
    received = b""
    # The connection may be reset, because Envoy may close the connection of a client that violates the protocol.
    with suppress(ConnectionResetError):
        async with asyncio.timeout(10):
            while not _has_ended(received) and (more := await reader.read(65_536)):
                received += more
    writer.close()


def _has_ended(received: bytes) -> bool:
    return any(
        stream == 1 and (kind == RST_STREAM or flags & END_STREAM)
        for kind, flags, stream, _ in Frames(received)
    )

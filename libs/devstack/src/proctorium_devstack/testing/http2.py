"""A minimal HTTP/2 client for thousands of gRPC streams. It can also send arbitrary bytes as headers.

For each message, gRPC's Python client needs more time than the servers whose performance is measured. This client is
faster, because it only separates the frames (https://www.rfc-editor.org/rfc/rfc9113#section-4).
"""

from __future__ import annotations

import asyncio
import struct
import time
from collections.abc import Callable, Iterable, Iterator
from typing import cast

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
DATA, HEADERS, RST_STREAM, SETTINGS, PING, GOAWAY, WINDOW_UPDATE = 0, 1, 3, 4, 6, 7, 8
END_STREAM, END_HEADERS, ACK = 0x1, 0x4, 0x1
_MAX_WINDOW = 2**31 - 1
_DEFAULT_WINDOW = 65_535
_INITIAL_WINDOW_SIZE = 4
_FRAME_HEAD = struct.Struct(">BHBBI")
_MESSAGE_HEAD = struct.Struct(">BI")

OnMessage = Callable[[int, bytes, float], None]
"""A callback for each message. Its arguments are stream number, message bytes and arrival (`time.monotonic()`)."""


class Streams(asyncio.Protocol):
    """One connection with calls that return streams. The callback gets the number `first` for the first stream."""

    def __init__(self, first: int, on_message: OnMessage) -> None:
        self._first = first
        self._on_message = on_message
        self._transport: asyncio.Transport | None = None
        self._unread = b""
        self._messages: dict[int, bytes] = {}
        self._opened = 0
        self.failure: str | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send HTTP/2's connection preface, and set the flow-control windows to the largest possible size."""
        self._transport = cast(asyncio.Transport, transport)
        settings = struct.pack(">HI", _INITIAL_WINDOW_SIZE, _MAX_WINDOW)
        window = struct.pack(">I", _MAX_WINDOW - _DEFAULT_WINDOW)
        self._transport.write(
            PREFACE + frame(SETTINGS, 0, 0, settings) + frame(WINDOW_UPDATE, 0, 0, window)
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """Record the lost connection as the failure, if no other failure was recorded before."""
        self.failure = self.failure or f"the connection was lost: {exc}"

    def open(self, method: str, request: bytes, metadata: dict[str, str]) -> None:
        """Open the next stream by calling `method` with `request`."""
        assert self._transport is not None
        stream = 2 * self._opened + 1
        self._opened += 1
        head = frame(HEADERS, END_HEADERS, stream, header_block(method, metadata))
        body = _MESSAGE_HEAD.pack(0, len(request)) + request
        self._transport.write(head + frame(DATA, END_STREAM, stream, body))

    def close(self) -> None:
        """Close the connection and all its streams."""
        assert self._transport is not None
        self._transport.close()

    def data_received(self, data: bytes) -> None:
        """Process the complete frames, and store the bytes of the last, incomplete frame."""
        now = time.monotonic()
        frames = Frames(self._unread + data if self._unread else data)
        for kind, flags, stream, payload in frames:
            self._read(kind, flags, stream, payload, now)
        self._unread = frames.rest

    def _read(self, kind: int, flags: int, stream: int, payload: bytes, now: float) -> None:
        assert self._transport is not None
        if kind == DATA:
            self._add(stream, payload, now)
        elif kind in {SETTINGS, PING} and not flags & ACK:
            self._transport.write(frame(kind, ACK, 0, payload if kind == PING else b""))
        elif kind in {RST_STREAM, GOAWAY} or (kind == HEADERS and flags & END_STREAM):
            self.failure = f"stream {stream} was ended by a frame of type {kind}: {payload!r}"

    def _add(self, stream: int, payload: bytes, now: float) -> None:
        received = self._messages.pop(stream, b"") + payload
        while len(received) >= _MESSAGE_HEAD.size:
            end = _MESSAGE_HEAD.size + _MESSAGE_HEAD.unpack_from(received)[1]
            if len(received) < end:
                break
            number = self._first + (stream - 1) // 2
            self._on_message(number, received[_MESSAGE_HEAD.size : end], now)
            received = received[end:]
        if received:
            self._messages[stream] = received


class Frames:
    """An iterable of the complete frames in `data`: kind, flags, stream number and payload of each frame.

    After the iteration, `rest` contains the bytes of the last, incomplete frame.
    """

    def __init__(self, data: bytes) -> None:
        self._data = data
        self.rest = b""

    def __iter__(self) -> Iterator[tuple[int, int, int, bytes]]:
        data, at = self._data, 0
        while len(data) - at >= _FRAME_HEAD.size:
            high, low, kind, flags, stream = _FRAME_HEAD.unpack_from(data, at)
            start = at + _FRAME_HEAD.size
            end = start + (high << 16 | low)
            if len(data) < end:
                break
            yield kind, flags, stream, data[start:end]
            at = end
        self.rest = data[at:]


def frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    """Return the bytes of an HTTP/2 frame."""
    size = len(payload)
    return _FRAME_HEAD.pack(size >> 16, size & 0xFFFF, kind, flags, stream) + payload


def header_block(method: str, metadata: dict[str, str]) -> bytes:
    """Return the encoded headers of a gRPC call. Entries of `metadata` may replace pseudo-headers."""
    headers = {
        ":method": "POST",
        ":scheme": "http",
        ":path": method,
        ":authority": "localhost",
        "te": "trailers",
        "content-type": "application/grpc",
        **metadata,
    }
    return encode((name.encode(), value.encode("latin-1")) for name, value in headers.items())


def encode(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    """Encode header fields without compression (https://www.rfc-editor.org/rfc/rfc7541#section-6.2.2)."""
    return b"".join(b"\0" + _text(name) + _text(value) for name, value in headers)


def _text(text: bytes) -> bytes:
    """Return an encoded string literal.

    It consists of the length, as an integer with a 7-bit prefix (RFC 7541, section 5.1), and the bytes of the string.
    """
    size = len(text)
    if size < 0x7F:
        return bytes([size]) + text
    encoded, remaining = bytearray([0x7F]), size - 0x7F
    while remaining > 0x7F:
        encoded.append(remaining & 0x7F | 0x80)
        remaining >>= 7
    encoded.append(remaining)
    return bytes(encoded) + text

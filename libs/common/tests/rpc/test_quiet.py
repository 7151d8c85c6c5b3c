"""Test keepalive pings on an idle connection, such as the connection of a learner who waits in the lobby."""

from __future__ import annotations

import asyncio
from datetime import timedelta

from proctorium_common.rpc.server import ServerLimits

from .serving import serving

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes(3) + b"\x04" + bytes(5)
PING = b"\0\0\x08\x06" + bytes(5) + b"pingpong"
PONG_KIND, GOAWAY_KIND = 6, 7


async def test_client_that_sends_keepalive_pings_is_not_disconnected() -> None:
    async with serving(limits=ServerLimits(min_ping_interval=timedelta(milliseconds=20))) as served:
        reader, writer = await asyncio.open_connection(*served.address.rsplit(":", 1))
        writer.write(PREFACE)
        for _ in range(6):
            writer.write(PING)
            assert await _kind_of_next(reader) == PONG_KIND
            await asyncio.sleep(0.05)
        writer.close()


async def _kind_of_next(reader: asyncio.StreamReader) -> int:
    """Read frames until one acknowledges a ping or is a GOAWAY frame; return the type of this frame."""
    while True:
        head = await asyncio.wait_for(reader.readexactly(9), 5)
        await reader.readexactly(int.from_bytes(head[:3], "big"))
        if head[3] in {PONG_KIND, GOAWAY_KIND} and not (head[3] == PONG_KIND and not head[4] & 1):
            return head[3]

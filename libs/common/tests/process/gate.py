"""A gate before a server, which can be shut and opened: how a dependency that is away looks to a service."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_FIELDS = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
LAST_WORDS = b"E" + (len(_FIELDS) + 4).to_bytes(4, "big") + _FIELDS
"""How PostgreSQL takes leave of a connection that it ends; the end itself comes a little later."""


class Gate:
    """Passes connections on to `host`:`port` while it is open; shut, it refuses new ones and ends the old."""

    def __init__(self, host: str, port: int, listens_on: int) -> None:
        self._target = (host, port)
        self.port = listens_on
        self._server: asyncio.Server | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        self._clients: set[asyncio.StreamWriter] = set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def shut(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in list(self._under_way):
            task.cancel()
        if self._under_way:
            await asyncio.wait(self._under_way)

    async def say(self, words: bytes) -> None:
        """Has every client read `words` as if the server had said them; its connection stays open."""
        for client in self._clients:
            client.write(words)
            await client.drain()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._pass_on(reader, writer))
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        inner_reader, inner_writer = await asyncio.open_connection(*self._target)
        ways = [
            asyncio.ensure_future(_copy(reader, inner_writer)),
            asyncio.ensure_future(_copy(inner_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._clients.discard(writer)
            for way in ways:
                way.cancel()
            for end in (writer, inner_writer):
                end.transport.abort()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while piece := await reader.read(65536):
            writer.write(piece)
            await writer.drain()


@asynccontextmanager
async def gate_before(host: str, port: int, listens_on: int) -> AsyncIterator[Gate]:
    """A shut gate."""
    gate = Gate(host, port, listens_on)
    yield gate
    await gate.shut()

"""A TCP proxy that a test opens and closes to simulate an unreachable dependency."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

_FIELDS = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
TERMINATION_MESSAGE = b"E" + (len(_FIELDS) + 4).to_bytes(4, "big") + _FIELDS
"""The message that PostgreSQL sends to a client shortly before PostgreSQL closes the connection."""


class Gate:
    """Forwards connections to `host`:`port` while the gate is open.

    A gate that closes ends its existing connections. A closed gate refuses new connections. A gate that hangs accepts
    connections and forwards nothing.
    """

    def __init__(self, host: str, port: int, listen_port: int) -> None:
        self._target = (host, port)
        self.port = listen_port
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._clients: set[asyncio.StreamWriter] = set()
        self._forwards = asyncio.Event()
        self._forwards.set()

    def hang(self) -> None:
        self._forwards.clear()

    def recover(self) -> None:
        self._forwards.set()

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._accept, "127.0.0.1", self.port)

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
            self._server = None
        for task in list(self._tasks):
            task.cancel()
        if self._tasks:
            await asyncio.wait(self._tasks)

    async def send(self, message: bytes) -> None:
        """Send `message` to every client as if the server had sent the message, and leave the connections open."""
        for client in self._clients:
            client.write(message)
            await client.drain()

    async def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._forward(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._clients.add(writer)
        inner_reader, inner_writer = await asyncio.open_connection(*self._target)
        copies = [
            asyncio.ensure_future(self._copy(reader, inner_writer)),
            asyncio.ensure_future(self._copy(inner_reader, writer)),
        ]
        try:
            await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._clients.discard(writer)
            for copy in copies:
                copy.cancel()
            for end in (writer, inner_writer):
                end.transport.abort()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            while data := await reader.read(65536):
                await self._forwards.wait()
                writer.write(data)
                await writer.drain()


@asynccontextmanager
async def gate_before(host: str, port: int, listen_port: int) -> AsyncIterator[Gate]:
    """Yield a closed gate to `host`:`port`, which the block can open; close the gate at the end of the block."""
    gate = Gate(host, port, listen_port)
    yield gate
    await gate.close()

"""A TCP proxy between a browser and the edge, with which a test simulates network failures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from proctorium_common.tasks import end

_LOOPBACK = "127.0.0.1"


class Proxy:
    """Forwards connections to the edge until a test disconnects or stalls them."""

    def __init__(self, edge: str) -> None:
        self._host, port = edge.rsplit(":", 1)
        self._port = int(port)
        self._tasks: set[asyncio.Task[None]] = set()
        self._connected = True
        self._forwarding = asyncio.Event()
        self._forwarding.set()
        self.url = ""

    @classmethod
    @asynccontextmanager
    async def to(cls, edge: str) -> AsyncIterator[Proxy]:
        """Yield a proxy for the edge at the `host:port` in `edge`; stop the proxy at the end of the block."""
        proxy = cls(edge)
        server = await asyncio.start_server(proxy._handle, _LOOPBACK, 0)
        proxy.url = f"http://{_LOOPBACK}:{server.sockets[0].getsockname()[1]}"
        try:
            yield proxy
        finally:
            server.close()
            await proxy.disconnect()

    async def disconnect(self) -> None:
        """Close all connections, and from now on close each new connection at once."""
        self._connected = False
        for task in list(self._tasks):
            await end(task)

    def stall(self) -> None:
        """Stop forwarding in both directions without closing a connection."""
        self._forwarding.clear()

    def restore(self) -> None:
        """Accept new connections again, and continue to forward.

        A connection that lost bytes while the proxy was stalled forwards nothing more, as after a restart of a router.
        """
        self._connected = True
        self._forwarding.set()

    async def _handle(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            if self._connected:
                await self._forward(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # an endpoint closed its connection, or the proxy is disconnected
        finally:
            writer.close()
            self._tasks.discard(task)

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._forwarding.wait()
        from_edge, to_edge = await asyncio.open_connection(self._host, self._port)
        copies = [
            asyncio.create_task(self._copy(reader, to_edge)),
            asyncio.create_task(self._copy(from_edge, writer)),
        ]
        try:
            await asyncio.wait(copies, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for copy in copies:
                await end(copy)
            to_edge.close()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while data := await reader.read(65536):
            if not self._forwarding.is_set():
                # Never forward these bytes or any later bytes. The connection stays open.
                await asyncio.Event().wait()
            writer.write(data)
            await writer.drain()

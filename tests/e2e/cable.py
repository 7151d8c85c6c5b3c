"""A network connection between a browser and the edge that a test can cut, or silence without closing it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from proctorium_common.tasks import end

_LOOPBACK = "127.0.0.1"


class Cable:
    """Passes connections on to the edge while it is `whole`."""

    def __init__(self, edge: str) -> None:
        self._host, port = edge.rsplit(":", 1)
        self._port = int(port)
        self._carried: set[asyncio.Task[None]] = set()
        self._plugged = True
        self._heard = asyncio.Event()
        self._heard.set()
        self.url = ""

    @classmethod
    @asynccontextmanager
    async def to(cls, edge: str) -> AsyncIterator[Cable]:
        """A cable to the edge at host:port."""
        cable = cls(edge)
        server = await asyncio.start_server(cable._carry, _LOOPBACK, 0)
        cable.url = f"http://{_LOOPBACK}:{server.sockets[0].getsockname()[1]}"
        try:
            yield cable
        finally:
            server.close()
            await cable.pull()

    async def pull(self) -> None:
        """Ends every connection and takes no new ones."""
        self._plugged = False
        for task in list(self._carried):
            await end(task)

    def silence(self) -> None:
        """Forward nothing in either direction, without closing a connection."""
        self._heard.clear()

    def mend(self) -> None:
        """Forward again; bytes lost on old connections stay lost, as with a router that restarted."""
        self._plugged = True
        self._heard.set()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._carried.add(task)
        try:
            if self._plugged:
                await self._pass_on(reader, writer)
        except (OSError, asyncio.CancelledError):
            pass  # one end is gone, or the cable was pulled
        finally:
            writer.close()
            self._carried.discard(task)

    async def _pass_on(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await self._heard.wait()
        from_edge, to_edge = await asyncio.open_connection(self._host, self._port)
        ways = [
            asyncio.create_task(self._copy(reader, to_edge)),
            asyncio.create_task(self._copy(from_edge, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                await end(way)
            to_edge.close()

    async def _copy(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while taken := await reader.read(65536):
            if not self._heard.is_set():
                # Swallowed: the connection is open and dead from now on.
                await asyncio.Event().wait()
            writer.write(taken)
            await writer.drain()

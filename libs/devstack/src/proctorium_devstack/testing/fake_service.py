"""The base class of fake services: a gRPC server that tests start and stop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import grpc

from proctorium_common.security.tls import Certificates


@dataclass
class FakeService:
    """A servicer with data in memory, over real gRPC. Subclasses also inherit from the servicers they implement."""

    name: ClassVar[str]
    register: ClassVar[tuple[Callable[[Any, grpc.aio.Server], None], ...]]
    """The `add_…_to_server` functions of the servicers."""

    certificates: Certificates | None = None
    """The certificate of the server. If it is None, the server does not use TLS."""
    port: int = 0
    _server: grpc.aio.Server | None = None

    @classmethod
    @asynccontextmanager
    async def serving(cls, certificates: Certificates | None = None) -> AsyncIterator[Self]:
        """Run the fake service within the block."""
        service = cls(certificates=certificates)
        await service.start()
        try:
            yield service
        finally:
            await service.stop()

    @property
    def address(self) -> str:
        """The `host:port` of the server, also while it is stopped."""
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start the server. After a stop, it has the same port as before."""
        self._server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        for register in self.register:
            register(self, self._server)
        self.port = (
            self._server.add_secure_port(self.address, self.certificates.server())
            if self.certificates
            else self._server.add_insecure_port(self.address)
        )
        await self._server.start()

    async def stop(self) -> None:
        """Stop the server."""
        if self._server is not None:
            await self._server.stop(None)

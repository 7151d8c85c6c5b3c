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
    """A fake service with data in memory and a real gRPC server.

    A subclass also inherits from the servicers that it implements.
    """

    name: ClassVar[str]
    register: ClassVar[tuple[Callable[[Any, grpc.aio.Server], None], ...]]
    """The generated functions `add_…_to_server` of the servicers that the fake implements."""

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
        """The `host:port` of the server. It is the same while the server is stopped."""
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Start the server. If the server was stopped before, it has the same port as before the stop."""
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

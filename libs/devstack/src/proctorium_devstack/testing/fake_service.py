"""What the fakes of services have in common: a gRPC server that tests start and stop."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, ClassVar, Self

import grpc

from proctorium_common.security.tls import Certificates


@dataclass
class FakeService:
    """A servicer with data in memory, over real gRPC; a subclass inherits from the servicers that it implements."""

    name: ClassVar[str]
    register: ClassVar[tuple[Callable[[Any, grpc.aio.Server], None], ...]]
    """The `add_…_to_server` functions of the servicers."""

    certificates: Certificates | None = None
    """What the server proves itself with; without them it is reached without TLS."""
    port: int = 0
    _server: grpc.aio.Server | None = None

    @classmethod
    @asynccontextmanager
    async def serving(cls, certificates: Certificates | None = None) -> AsyncIterator[Self]:
        """Serve within the block."""
        service = cls(certificates=certificates)
        await service.start()
        try:
            yield service
        finally:
            await service.stop()

    @property
    def address(self) -> str:
        """The address that the server has, also while it is stopped."""
        return f"127.0.0.1:{self.port}"

    async def start(self) -> None:
        """Listen; on the same port as before after a stop."""
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
        """Stop listening."""
        if self._server is not None:
            await self._server.stop(None)

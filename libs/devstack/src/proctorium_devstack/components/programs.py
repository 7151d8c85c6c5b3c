"""Components that run Proctorium's own programs. They are ready when their HTTP or gRPC health check succeeds."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import grpc
from grpc_health.v1 import health_pb2, health_pb2_grpc

from proctorium_devstack.components.certificates import KeyPair
from proctorium_devstack.components.component import Component
from proctorium_devstack.ports import LOOPBACK, accepts_connections
from proctorium_devstack.processes import Command, ComponentFailedError

# Programs do not inherit these variables. The stack sets all PROCTORIUM_ variables itself. PYTHONDONTWRITEBYTECODE
# would prevent bytecode files, so every process would have to compile all modules that it imports.
_NOT_INHERITED = ("PROCTORIUM_", "PYTHONDONTWRITEBYTECODE")


@dataclass(frozen=True)
class Program:
    """A Python program that is run as `python -m <module> <arguments>`, with its environment variables."""

    module: str
    arguments: Sequence[str]
    environment: Mapping[str, str]


class WebProgram(Component):
    """A program with an HTTP health check."""

    def __init__(
        self, name: str, log: Path, program: Program, port: int, dependencies: tuple[str, ...] = ()
    ) -> None:
        super().__init__(name, log, dependencies)
        self._program = program
        self._port = port

    def command(self) -> Command:
        """Return the command of the program."""
        return python(self.name, self.log, self._program)

    async def is_ready(self) -> bool:
        """Return whether `/healthz` has status 200."""
        return await http_status(self._port, "/healthz") == 200


class Service(Component):
    """A gRPC service, with a migrated database and a gRPC health check."""

    def __init__(
        self,
        name: str,
        log: Path,
        program: Program,
        *,
        port: int,
        identity: KeyPair,
        migrate: Callable[[], Awaitable[object]],
        dependencies: tuple[str, ...],
        start_after: tuple[str, ...] = (),
    ) -> None:
        """Describe the service. `identity` is the client certificate of the health check.

        `migrate` is called before the first launch and migrates the database.
        """
        super().__init__(name, log, dependencies, start_after)
        self._migrate = migrate
        self._program = program
        self._port = port
        self._identity = identity

    async def prepare(self) -> None:
        """Migrate the database in this process, without starting the service's command `migrate`."""
        try:
            await self._migrate()
        except Exception as failure:
            message = f"the database was not migrated: {type(failure).__name__}: {failure}"
            raise ComponentFailedError(self.name, message) from failure

    def command(self) -> Command:
        """Return the command of the service."""
        return python(self.name, self.log, self._program)

    async def is_ready(self) -> bool:
        """Return whether the health check returns SERVING."""
        if not await accepts_connections(self._port):
            return False
        async with secure_channel(self._port, self.name, self._identity) as channel:
            try:
                response = await health_pb2_grpc.HealthStub(channel).Check(
                    health_pb2.HealthCheckRequest(), timeout=2
                )
            except grpc.aio.AioRpcError:
                return False
        return bool(response.status == health_pb2.HealthCheckResponse.SERVING)


@asynccontextmanager
async def secure_channel(
    port: int, name: str, identity: KeyPair
) -> AsyncIterator[grpc.aio.Channel]:
    """Yield a channel to the service `name` on this machine. `identity` is the client certificate."""
    credentials = grpc.ssl_channel_credentials(
        root_certificates=identity.authority.read_bytes(),
        private_key=identity.key.read_bytes(),
        certificate_chain=identity.certificate.read_bytes(),
    )
    options = (("grpc.ssl_target_name_override", name), ("grpc.use_local_subchannel_pool", 1))
    channel = grpc.aio.secure_channel(f"{LOOPBACK}:{port}", credentials, options)
    try:
        yield channel
    finally:
        await channel.close()


async def http_status(port: int, path: str) -> int | None:
    """Return the HTTP status of a GET request to a port of this machine, or None if there is no response."""
    try:
        reader, writer = await asyncio.open_connection(LOOPBACK, port)
    except OSError:
        return None
    try:
        writer.write(
            f"GET {path} HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n".encode()
        )
        async with asyncio.timeout(2):
            line = await reader.readline()
        return int(line.split()[1])
    except (OSError, TimeoutError, IndexError, ValueError):
        return None
    finally:
        writer.close()


def python(name: str, log: Path, program: Program) -> Command:
    """Return the command that runs `program` and appends the program's output to `log`."""
    inherited = {
        name: value for name, value in os.environ.items() if not name.startswith(_NOT_INHERITED)
    }
    return Command(
        name=name,
        arguments=[sys.executable, "-m", program.module, *program.arguments],
        log=log,
        environment={**inherited, "PYTHONUNBUFFERED": "1", **program.environment},
    )

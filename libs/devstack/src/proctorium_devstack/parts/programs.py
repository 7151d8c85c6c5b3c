"""Our own programs as parts: ready when their page answers, or when their gRPC health says so."""

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

from proctorium_devstack.parts.certificates import KeyPair
from proctorium_devstack.parts.part import Part
from proctorium_devstack.ports import LOOPBACK, answers
from proctorium_devstack.processes import Command, ComponentFailedError

# Decided here, whatever the environment says. Without compiled files every process would compile all that it imports.
_DECIDED = ("PROCTORIUM_", "PYTHONDONTWRITEBYTECODE")


@dataclass(frozen=True)
class Program:
    """A Python module of ours and what it is told: `arguments` follow `python -m module`."""

    module: str
    arguments: Sequence[str]
    environment: Mapping[str, str]


class WebProgram(Part):
    """A program with a page that answers 200 when it is ready."""

    def __init__(
        self, name: str, log: Path, program: Program, port: int, needs: tuple[str, ...] = ()
    ) -> None:
        super().__init__(name, log, needs)
        self._program = program
        self._port = port

    def command(self) -> Command:
        """The program."""
        return python(self.name, self.log, self._program)

    async def answers(self) -> bool:
        """Whether `/healthz` says 200."""
        return await http_status(self._port, "/healthz") == 200


class Service(Part):
    """One of the five: its database is migrated, it serves, and is ready when its health says so."""

    def __init__(
        self,
        name: str,
        log: Path,
        program: Program,
        *,
        port: int,
        identity: KeyPair,
        migrate: Callable[[], Awaitable[object]],
        needs: tuple[str, ...],
        after: tuple[str, ...] = (),
    ) -> None:
        """`identity` is what we show it when we ask for its health; `migrate` brings its database to the schema of this version."""
        super().__init__(name, log, needs, after)
        self._migrate = migrate
        self._program = program
        self._port = port
        self._identity = identity

    async def prepare(self) -> None:
        """Migrate: what its command `migrate` does, without a process for it."""
        try:
            await self._migrate()
        except Exception as refused:
            message = f"its database was not migrated: {type(refused).__name__}: {refused}"
            raise ComponentFailedError(self.name, message) from refused

    def command(self) -> Command:
        """The service."""
        return python(self.name, self.log, self._program)

    async def answers(self) -> bool:
        """Whether its health says SERVING."""
        if not await answers(self._port):
            return False
        async with secure_channel(self._port, self.name, self._identity) as channel:
            try:
                answer = await health_pb2_grpc.HealthStub(channel).Check(
                    health_pb2.HealthCheckRequest(), timeout=2
                )
            except grpc.aio.AioRpcError:
                return False
        return bool(answer.status == health_pb2.HealthCheckResponse.SERVING)


@asynccontextmanager
async def secure_channel(
    port: int, name: str, identity: KeyPair
) -> AsyncIterator[grpc.aio.Channel]:
    """A channel to the service `name` on this machine, with `identity` as the client."""
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
    """The status of a GET on this machine, or None when nobody answers."""
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
    """The command that runs a program."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(_DECIDED)}
    return Command(
        name=name,
        arguments=[sys.executable, "-m", program.module, *program.arguments],
        log=log,
        environment={**inherited, "PYTHONUNBUFFERED": "1", **program.environment},
    )

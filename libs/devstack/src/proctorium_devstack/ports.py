"""Ports: which part listens where, which are free, and who holds one that is not."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import ssl
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

import psutil

LOOPBACK = "127.0.0.1"
DEFAULT_BASE = 7080
_CANDIDATES = range(15000, 32000)

OFFSETS: Mapping[str, int] = {
    "edge": 0,
    "traces": 1,
    "mailbox": 2,
    "edge-admin": 3,
    "enrollment": 21,
    "session": 22,
    "assessment": 23,
    "identity": 24,
    "notification": 25,
    "portal": 26,
    "smtp": 45,
    "postgres": 52,
    "nats": 62,
}
"""Who listens how far from the base; the first three are what people open."""


class PortsInUseError(Exception):
    """Some ports of the plan are in use; the message names each with its holder."""

    def __init__(self, taken: Mapping[str, int]) -> None:
        self.taken = taken
        lines = [
            f"  {port}  wanted for {name}, held by {holder_of(port)}"
            for name, port in taken.items()
        ]
        super().__init__("\n".join(lines))


class PortError(Exception):
    """A port in the environment is no port."""


@dataclass(frozen=True)
class PortPlan:
    """The port of each listener of the stack."""

    ports: Mapping[str, int]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> PortPlan:
        """From PROCTORIUM_PORT_BASE, and PROCTORIUM_PORT_<NAME> for single ones (`-` as `_`)."""
        base = _number(environment, "PROCTORIUM_PORT_BASE", DEFAULT_BASE)
        return cls(
            {
                name: _number(
                    environment, f"PROCTORIUM_PORT_{name.upper().replace('-', '_')}", base + offset
                )
                for name, offset in OFFSETS.items()
            }
        )

    @classmethod
    def free(cls) -> PortPlan:
        """Ports that nobody uses, for tests."""
        return cls(dict(zip(OFFSETS, free_ports(len(OFFSETS)), strict=True)))

    def __getitem__(self, name: str) -> int:
        return self.ports[name]

    def require_free(self, names: Iterable[str]) -> None:
        """Raise PortsInUseError with all of `names` that somebody else listens on."""
        taken = {name: self.ports[name] for name in names if is_taken(self.ports[name])}
        if taken:
            raise PortsInUseError(taken)


def free_ports(count: int) -> list[int]:
    """`count` different ports that nobody listens on at this moment.

    Below the range from which the system takes ports for outgoing connections, so that none of those gets in between.
    """
    free: list[int] = []
    for port in random.SystemRandom().sample(_CANDIDATES, len(_CANDIDATES)):
        if len(free) == count:
            break
        if not is_taken(port):
            free.append(port)
    return free


def is_taken(port: int) -> bool:
    """Whether a listener of this machine would be in our way."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return True
    return False


def holder_of(port: int) -> str:
    """Who listens on the port, as far as this user may know."""
    for pid in _listeners(port):
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            return f"process {pid} ({' '.join(process.cmdline())[:80] or process.name()}, user {process.username()})"
    return "a process that this user may not see"


async def answers(port: int, tls: ssl.SSLContext | None = None) -> bool:
    """Whether something accepts connections on the port, with this TLS where it is given."""
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port, ssl=tls)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


def _listeners(port: int) -> Iterator[int]:
    with contextlib.suppress(psutil.AccessDenied):
        for connection in psutil.net_connections(kind="tcp"):
            if (
                connection.status == psutil.CONN_LISTEN
                and connection.laddr.port == port
                and connection.pid
            ):
                yield connection.pid


def _number(environment: Mapping[str, str], name: str, default: int) -> int:
    text = environment.get(name, "")
    if not text:
        return default
    if not text.isdecimal() or not 1024 <= int(text) <= 65000:
        raise PortError(f"{name}={text} is no port: choose a number from 1024 to 65000.")
    return int(text)

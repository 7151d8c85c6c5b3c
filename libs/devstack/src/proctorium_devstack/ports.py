"""The ports of the listeners. Functions check whether a port is free, and find the process that uses a port."""

from __future__ import annotations

import asyncio
import contextlib
import random
import socket
import ssl
import textwrap
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import psutil

LOOPBACK = "127.0.0.1"
DEFAULT_BASE = 7080
_PREFIX = "PROCTORIUM_PORT_"
_BASE_VARIABLE = f"{_PREFIX}BASE"
_CANDIDATES = range(15000, 32000)
_MAX_RESERVATIONS = 256
# The open sockets that reserve ports. A port stays reserved while its socket is in this queue.
_reservations: deque[socket.socket] = deque()

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
"""The port of each listener, as an offset from the base port. The first three listeners serve web pages."""


class PortsInUseError(Exception):
    """Ports of the plan are in use. The message contains each of these ports and the process that uses the port."""

    def __init__(self, taken: Mapping[str, int]) -> None:
        self.taken = taken
        lines = [
            f"  {port}  needed for {name}, used by {holder_of(port)}"
            for name, port in taken.items()
        ]
        super().__init__("\n".join(lines))


class PortError(Exception):
    """An environment variable does not contain a valid port, or there are not enough free ports."""


@dataclass(frozen=True)
class PortPlan:
    """The port of each listener of the stack."""

    ports: Mapping[str, int]

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> PortPlan:
        """Return the plan from the environment variables PROCTORIUM_PORT_BASE and PROCTORIUM_PORT_<NAME>.

        <NAME> is the name of a listener with `_` instead of `-`. Raises PortError if a variable has no valid port, or
        if there is no such listener.
        """
        variables = {name: variable_of(name) for name in OFFSETS}
        known = [_BASE_VARIABLE, *variables.values()]
        for unknown in sorted(name for name in environment if name.startswith(_PREFIX)):
            if unknown not in known:
                raise PortError(f"{unknown} is unknown. The variables are {', '.join(known)}.")
        base = _number(environment, _BASE_VARIABLE, DEFAULT_BASE)
        return cls(
            {
                name: _number(environment, variables[name], base + offset)
                for name, offset in OFFSETS.items()
            }
        )

    @classmethod
    def of_addresses(cls, addresses: Mapping[str, str]) -> PortPlan:
        """Return the plan with the ports in `addresses`. `addresses` maps a listener to its `host:port`.

        Listeners that are not in `addresses` have their default ports.
        """
        ports = {name: int(address.rpartition(":")[2]) for name, address in addresses.items()}
        return cls({**{name: DEFAULT_BASE + offset for name, offset in OFFSETS.items()}, **ports})

    @classmethod
    def free(cls) -> PortPlan:
        """Return a plan for tests, in which all ports are free."""
        return cls(dict(zip(OFFSETS, free_ports(len(OFFSETS)), strict=True)))

    def __getitem__(self, name: str) -> int:
        return self.ports[name]

    def require_free(self, names: Iterable[str]) -> None:
        """Raise PortsInUseError if the port of a listener in `names` is in use. The error lists the ports in order."""
        ports = {name: self.ports[name] for name in sorted(names, key=self.ports.__getitem__)}
        taken = {name: port for name, port in ports.items() if is_taken(port)}
        if taken:
            raise PortsInUseError(taken)


def variable_of(listener: str) -> str:
    """Return the name of the environment variable that sets the port of a listener."""
    return f"{_PREFIX}{listener.upper().replace('-', '_')}"


def free_ports(count: int) -> list[int]:
    """Return `count` different free ports and reserve them for this process.

    The ports are below the range of ephemeral ports, so that no outgoing connection uses one of these ports. No other
    call of this function returns a reserved port, not even in another process. A reservation ends when this process
    ends, or when this process has reserved _MAX_RESERVATIONS more ports. Raises PortError if there are not enough free
    ports.
    """
    free: list[int] = []
    for port in random.SystemRandom().sample(_CANDIDATES, len(_CANDIDATES)):
        if len(free) == count:
            break
        if _reserve(port):
            free.append(port)
    if len(free) < count:
        raise PortError(f"found {len(free)} free ports of {count}")
    return free


def _reserve(port: int) -> bool:
    """Reserve the port, unless it is reserved or taken. Return whether this call has reserved the port.

    A reservation is a UDP socket that is bound to the port. The socket does not conflict with a TCP listener, and the
    kernel closes the socket when this process ends.
    """
    reservation = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    try:
        reservation.bind((LOOPBACK, port))
    except OSError:
        reservation.close()
        return False
    if is_taken(port):
        reservation.close()
        return False
    _reservations.append(reservation)
    if len(_reservations) > _MAX_RESERVATIONS:
        _reservations.popleft().close()
    return True


def is_taken(port: int) -> bool:
    """Return whether a process on this machine listens on the port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return True
    return False


def holder_of(port: int) -> str:
    """Return a description of the process that listens on the port.

    If this user may not see the process, the description contains only this fact.
    """
    for pid in _listeners(port):
        with contextlib.suppress(psutil.Error):
            process = psutil.Process(pid)
            return f"process {pid} ({_command_line(process)}, user {process.username()})"
    return "a process that this user may not see"


async def accepts_connections(port: int, tls: ssl.SSLContext | None = None) -> bool:
    """Return whether the port accepts a connection. If `tls` is given, the connection uses TLS."""
    try:
        _, writer = await asyncio.open_connection(LOOPBACK, port, ssl=tls)
    except OSError:
        return False
    writer.close()
    with contextlib.suppress(OSError):
        await writer.wait_closed()
    return True


def _command_line(process: psutil.Process) -> str:
    """Return the command line of a process. A long command line is shortened at the end of a word."""
    program, *arguments = process.cmdline() or [process.name()]
    words = " ".join([Path(program).name, *arguments])
    return textwrap.shorten(words, 80, placeholder=" …", break_on_hyphens=False)


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
        raise PortError(f"{name}={text} is not a port. Choose a number from 1024 to 65000.")
    return int(text)

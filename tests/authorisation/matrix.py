"""Access of callers to RPCs: calls every RPC of the contracts as every kind of caller, and writes each response.

`make authorisation` renews the table beside this file; the test compares it. Only the server's own admission check
responds here: the servicers behind it are the generated ones, which do nothing. Whether a resource is the caller's own
is decided behind it.
"""

from __future__ import annotations

import asyncio
import importlib
import tempfile
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import grpc
from google.protobuf.descriptor import MethodDescriptor

from proctorium_common.ids import new_id
from proctorium_common.rpc.admission import EDGE
from proctorium_common.rpc.client import Channel, channel
from proctorium_common.rpc.health import Health
from proctorium_common.rpc.server import Door, Server
from proctorium_common.rpc.status import error_of
from proctorium_common.security.keys import KeyRing, SigningKey
from proctorium_common.security.tls import Certificates
from proctorium_common.security.tokens import TokenSigner, TokenVerifier
from proctorium_common.telemetry import Telemetry
from proctorium_common.telemetry.logs import CallLog
from proctorium_common.telemetry.metrics import Metrics
from proctorium_common.telemetry.traces import NOT_TRACING
from proctorium_common.topology import callers_of, services
from proctorium_devstack.components.certificates import issue
from proctorium_devstack.testing.contracts import all_methods, owner_of, path_of

MATRIX = Path(__file__).parent / "matrix.md"

ADMITTED = "yes"
# The request is empty and the servicer does nothing: a caller that receives one of these was let in.
_BEHIND_THE_DOOR = {"INVALID_REQUEST", "UNIMPLEMENTED"}
_ROLES = ("learner", "proctor", "administrator")
_PEOPLE = ("no token", "forged", "expired", "no role", *_ROLES)
_SECONDS = 30.0

_HEAD = """# Who may call what

Made by `make authorisation` from the servers' own answers; a test compares it. **yes**: the call is let in, and the operation decides whether
the resource is the caller's. Otherwise the reason of the refusal. People call through the edge; *services* are those whose certificate is let
in, without a person's token. "no role" is somebody signed in who holds none.

"""


class World:
    """The servers of all services with nothing behind them, and tokens of all kinds of people."""

    def __init__(self, servers: Mapping[str, Server], certificates: Mapping[str, Certificates]):
        self._servers = servers
        self._certificates = certificates
        self._channels: dict[tuple[str, str], Channel] = {}
        self._tokens: dict[str, str | None] = {}

    def add_tokens(self, key: SigningKey) -> None:
        """Make the tokens that people call with."""
        person = new_id()
        administrator = TokenSigner(SigningKey.generate()).sign(person, _ROLES).text
        over = TokenSigner(key, life=timedelta(hours=-1)).sign(person, _ROLES).text
        self._tokens = {"no token": None, "forged": administrator, "expired": over}
        self._tokens["no role"] = TokenSigner(key).sign(person, ()).text
        self._tokens |= {role: TokenSigner(key).sign(person, (role,)).text for role in _ROLES}

    async def as_person(self, method: MethodDescriptor, who: str) -> str:
        """Return the response to a person who calls through the edge."""
        token = self._tokens[who]
        metadata = () if token is None else (("authorization", f"Bearer {token}"),)
        return await _outcome(self._channel(EDGE, owner_of(method)), method, metadata)

    async def as_service(self, method: MethodDescriptor, service: str) -> str:
        """Return the response to a service that calls with its certificate alone."""
        return await _outcome(self._channel(service, owner_of(method)), method, ())

    def _channel(self, name: str, owner: str) -> Channel:
        opened = self._channels.get((name, owner))
        if opened is None:
            opened = self._channels[name, owner] = channel(
                f"127.0.0.1:{self._servers[owner].port}",
                certificates=self._certificates[name],
                server=owner,
            )
        return opened

    async def close(self) -> None:
        """End the connections."""
        for opened in self._channels.values():
            await opened.close()


@asynccontextmanager
async def world(folder: Path) -> AsyncIterator[World]:
    """Serve every method of the contracts within the block."""
    key = SigningKey.generate()
    pairs = issue(folder, [*services(), "portal", EDGE])
    certificates = {
        name: Certificates.load(pair.certificate, pair.key, pair.authority)
        for name, pair in pairs.items()
    }
    async with AsyncExitStack() as stack:
        servers = {}
        for owner in sorted({owner_of(method) for method in all_methods()}):
            server = await _serve(owner, certificates[owner], KeyRing.of(key.public))
            stack.push_async_callback(server.drain, wait=timedelta(0), grace=timedelta(seconds=1))
            servers[owner] = server
        made = World(servers, certificates)
        made.add_tokens(key)
        stack.push_async_callback(made.close)
        yield made


async def _serve(owner: str, certificates: Certificates, keys: KeyRing) -> Server:
    telemetry = Telemetry(NOT_TRACING, Metrics(owner))
    health = Health(telemetry.metrics, every_seconds=0.05)
    server = Server(
        Door("127.0.0.1:0", certificates, callers_of(owner)),
        telemetry=telemetry,
        tokens=TokenVerifier(keys),
        health=health,
        call_log=CallLog(quiet=True),
    )
    services = {m.containing_service for m in all_methods() if owner_of(m) == owner}
    for service in sorted(services, key=lambda service: str(service.full_name)):
        stubs = importlib.import_module(
            service.file.name.removesuffix(".proto").replace("/", ".") + "_pb2_grpc"
        )
        servicer = getattr(stubs, f"{service.name}Servicer")()
        server.add(getattr(stubs, f"add_{service.name}Servicer_to_server"), servicer)
    await server.start()
    await health.check_now()
    return server


async def _outcome(
    opened: Channel, method: MethodDescriptor, metadata: tuple[tuple[str, str], ...]
) -> str:
    """Call `method` with an empty request and return whether that was let in, or the reason why not."""
    shape = f"{_many(method.client_streaming)}_{_many(method.server_streaming)}"
    call: Any = getattr(opened, shape)(path_of(method))
    request = _one_empty() if method.client_streaming else b""
    under_way = call(request, metadata=metadata, timeout=_SECONDS)
    try:
        if method.server_streaming:
            async for _ in under_way:
                pass
        else:
            await under_way
    except grpc.aio.AioRpcError as failed:
        error = error_of(failed)
        said = {failed.code().name, error.reason}
        return error.reason if said.isdisjoint(_BEHIND_THE_DOOR) else ADMITTED
    return ADMITTED


def _many(streams: bool) -> str:
    return "stream" if streams else "unary"


async def _one_empty() -> AsyncIterator[bytes]:
    yield b""


async def rows(made: World) -> list[tuple[str, ...]]:
    """Return a row for each RPC: its name, the answer for each kind of person, and the services that are let in."""
    found = []
    for method in all_methods():
        people = [await made.as_person(method, who) for who in _PEOPLE]
        let_in = [
            name
            for name in (*services(), "portal")
            if name != owner_of(method) and await made.as_service(method, name) == ADMITTED
        ]
        found.append((path_of(method)[1:], *people, ", ".join(let_in) or "–"))
    return found


def table(found: list[tuple[str, ...]]) -> str:
    """Return the file's text for these rows."""
    lines = [("RPC", *_PEOPLE, "services"), ("---",) * (len(_PEOPLE) + 2), *found]
    return _HEAD + "".join(f"| {' | '.join(line)} |\n" for line in lines)


async def made_now() -> str:
    """Return the text that the file should have."""
    with tempfile.TemporaryDirectory() as folder:
        async with world(Path(folder)) as made:
            return table(await rows(made))


if __name__ == "__main__":
    MATRIX.write_text(asyncio.run(made_now()), encoding="utf-8")

"""A real Envoy in front of stand-ins for the services that record what reached them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from copy import copy
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

import grpc
from httpx2 import AsyncClient, Response

from proctorium_access.token_check import token_check
from proctorium_common.errors import ServiceError
from proctorium_common.rpc.status import CODES, DETAILS_KEY, details_of
from proctorium_common.security.keys import SigningKey
from proctorium_common.security.tls import Certificates, peer_name
from proctorium_common.security.tokens import TokenSigner
from proctorium_devstack.components.certificates import KeyPair, issue
from proctorium_devstack.components.edge import Edge
from proctorium_devstack.edge import Address, ClientTls, EdgeSettings, Upstream
from proctorium_devstack.ports import LOOPBACK, free_ports

SERVICES = ("enrollment", "identity", "session", "assessment")
AWAY = "notification"
INBOX = "/proctorium.notification.v1.InboxService/ListNotifications"
ME = "/proctorium.enrollment.v1.AccountService/GetMe"
PUBLIC = "/proctorium.enrollment.v1.AccountService/SignIn"
EVIDENCE = "/proctorium.identity.v1.VerificationService/SubmitEvidence"
WATCH = "/proctorium.session.v1.LobbyService/WatchSession"
MIB = 1024 * 1024
CALL_SECONDS = 0.5
PROBE = "x-proctorium-probe"
KEY = SigningKey(b"k" * 32)
"""Signs the tokens that the edge takes."""
PERSON = UUID("0198f6a0-0000-7000-8000-000000000001")
SERVING = b"\x08\x01"
Ask: TypeAlias = "grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]"
Watch: TypeAlias = "grpc.aio.UnaryStreamMultiCallable[bytes, bytes]"
Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"


class Upstreams(grpc.GenericRpcHandler):
    """Every method of every service: remembers metadata, answers an empty message, and streams when it is watched."""

    def __init__(self) -> None:
        self.metadata: dict[str, str] = {}
        self.request = b""
        self.peer: str | None = None
        self.connection: str | None = None
        self.left: float | None = None
        self.page_requests: list[bytes] = []
        self.hang_ups = 0
        self.slow = False
        self.refusal: ServiceError | None = None
        self.bare: grpc.StatusCode | None = None
        self.broken_peer: str | None = None
        """The client's end of a connection on which every call fails, as on one that a service's gRPC library has given up."""
        self.answers_health_checks_only = False

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes]:
        """The handler of any method."""
        match handler_call_details.method:
            case "/grpc.health.v1.Health/Check":
                return grpc.unary_unary_rpc_method_handler(self._healthy)
            case method if "/Watch" in method:
                return grpc.unary_stream_rpc_method_handler(self._watch)
            case _:
                return grpc.unary_unary_rpc_method_handler(self._answer)

    async def _healthy(self, request: bytes, context: Context) -> bytes:
        through_edge = PROBE in dict(context.invocation_metadata() or ())
        if through_edge:
            await self._fail_where_broken(context)
        return SERVING

    async def _fail_where_broken(self, context: Context) -> None:
        if self.answers_health_checks_only or context.peer() == self.broken_peer:
            await context.abort(grpc.StatusCode.INTERNAL, "Error in the HTTP/2 framing layer")

    async def _answer(self, request: bytes, context: Context) -> bytes:
        self._remember(context)
        self.request = request
        await self._fail_where_broken(context)
        if self.refusal is not None:
            details = ((DETAILS_KEY, details_of(self.refusal)),)
            await context.abort(CODES[self.refusal.kind], self.refusal.message, details)
        if self.bare is not None:
            await context.abort(self.bare, "As libraries speak")
        if self.slow:
            await asyncio.sleep(10 * CALL_SECONDS)
        return b""

    async def _watch(self, request: bytes, context: Context) -> AsyncIterator[bytes]:
        yield b""
        await asyncio.sleep(3 * CALL_SECONDS)
        yield b""

    def _remember(self, context: Context) -> None:
        self.metadata = {str(key): str(value) for key, value in context.invocation_metadata() or ()}
        self.peer = peer_name(context.auth_context())
        self.connection = context.peer()
        self.left = context.time_remaining()

    async def page(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """The portal: one page for everything."""
        self.page_requests.append(await reader.readuntil(b"\r\n\r\n"))
        if self.hang_ups > 0:
            self.hang_ups -= 1
            writer.close()
            return
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\npage")
        await writer.drain()
        writer.close()


class World:
    """An edge, the servers behind it, and a browser in front of it."""

    def __init__(
        self,
        address: str,
        behind: Upstreams,
        browser: AsyncClient,
        settings: EdgeSettings,
        log: Path,
        envoy: Edge,
    ) -> None:
        self.address = address
        self.token: str | None = TokenSigner(KEY).sign(PERSON, ["learner"]).text
        """Sent with every call that brings neither a token nor a cookie of its own."""
        self.behind = behind
        self.browser = browser
        self.settings = settings
        self.log = log
        self._envoy = envoy

    @property
    def memory(self) -> int:
        """Bytes that Envoy holds."""
        assert self._envoy.process is not None
        status = Path(f"/proc/{self._envoy.process.pid}/status").read_text()
        kilobytes = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(kilobytes.split()[1]) * 1024

    async def connect(
        self, source: str = LOOPBACK
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a connection to the edge from the address `source`."""
        host, port = self.address.rsplit(":", 1)
        return await asyncio.open_connection(host, int(port), local_addr=(source, 0))

    def bearing(self, token: str | None) -> World:
        """Return the same world for a client with another token, or with none."""
        other = copy(self)
        other.token = token
        return other

    @property
    def authorization(self) -> tuple[tuple[str, str], ...]:
        """The header that identifies the caller, as metadata."""
        return () if self.token is None else (("authorization", f"Bearer {self.token}"),)

    def _authorization(self, given: Sequence[str]) -> dict[str, str]:
        """Return the header for a call that is `given` these."""
        return {} if {"authorization", "cookie"}.intersection(given) else dict(self.authorization)

    async def call(
        self, method: str, request: bytes = b"", *metadata: tuple[str, str], timeout: float = 5
    ) -> bytes:
        """One gRPC call."""
        async with grpc.aio.insecure_channel(self.address) as channel:
            ask: Ask = channel.unary_unary(method)
            own = self._authorization([name for name, _ in metadata])
            return await ask(request, metadata=(*metadata, *own.items()), timeout=timeout)

    async def json(self, method: str, body: str = "{}", **headers: str) -> Response:
        """One call as a script makes it."""
        return await self.browser.post(
            method,
            content=body,
            headers={
                "content-type": "application/json",
                **self._authorization([*headers]),
                **headers,
            },
        )

    async def post(self, method: str, body: str, content_type: str | None) -> Response:
        """One call as any program or page may make it."""
        headers = {} if content_type is None else {"content-type": content_type}
        return await self.browser.post(
            method, content=body, headers={**headers, **self._authorization([])}
        )

    async def health(self, service: str) -> int:
        """The status of the edge's page about calls to `service`."""
        return (await self.browser.get(f"/healthz/{service}")).status_code

    async def web(self, method: str, request: bytes = b"") -> Response:
        """One gRPC-Web call."""
        return await self.browser.post(
            method,
            content=b"\0" + len(request).to_bytes(4, "big") + request,
            headers={
                "content-type": "application/grpc-web+proto",
                "x-grpc-web": "1",
                **self._authorization([]),
            },
        )


@asynccontextmanager
async def running_edge(folder: Path, **settings: Any) -> AsyncIterator[World]:
    """Run an edge and what is behind it; `settings` replace fields of EdgeSettings."""
    certificates = issue(folder / "certificates", [*SERVICES, "edge"])
    listen, admin, portal, away, *ports = free_ports(4 + len(SERVICES))
    behind = Upstreams()
    pair = certificates["edge"]
    chosen = replace(
        EdgeSettings(
            listen=Address(LOOPBACK, listen),
            admin=Address(LOOPBACK, admin),
            services=tuple(
                Upstream(name, Address(LOOPBACK, port))
                for name, port in zip((*SERVICES, AWAY), (*ports, away), strict=True)
            ),
            portal=Address(LOOPBACK, portal),
            client=ClientTls(str(pair.certificate), str(pair.key), str(pair.authority)),
            token_check=str(folder / "keys" / "token_check.json"),
            call_seconds=CALL_SECONDS,
        ),
        **settings,
    )
    check_tokens(chosen, KEY)
    async with AsyncExitStack() as running:
        for name, port in zip(SERVICES, ports, strict=True):
            server = await _serve(behind, certificates[name], port)
            running.push_async_callback(server.stop, None)
        pages = await asyncio.start_server(behind.page, LOOPBACK, portal)
        running.callback(pages.close)
        envoy = Edge(folder / "envoy", chosen, folder / "edge.log", dependencies=())
        await envoy.start()
        running.push_async_callback(envoy.stop)
        browser = AsyncClient(base_url=f"http://{LOOPBACK}:{listen}")
        await running.enter_async_context(browser)
        yield World(f"{LOOPBACK}:{listen}", behind, browser, chosen, folder / "edge.log", envoy)


def check_tokens(settings: EdgeSettings, *keys: SigningKey) -> None:
    """Have the edge check tokens by these keys."""
    file = Path(settings.token_check)
    file.parent.mkdir(exist_ok=True)
    new = file.with_name("new")
    new.write_text(token_check([key.public for key in keys], complete=True), encoding="utf-8")
    new.replace(file)


async def _serve(behind: Upstreams, pair: KeyPair, port: int) -> grpc.aio.Server:
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", 32 * MIB)])
    server.add_generic_rpc_handlers((behind,))
    own = Certificates.load(pair.certificate, pair.key, pair.authority)
    server.add_secure_port(f"{LOOPBACK}:{port}", own.server())
    await server.start()
    return server

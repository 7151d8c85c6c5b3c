"""A harness with a real Envoy, and with fakes of the services and the portal. The fakes record the requests."""

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
UNAVAILABLE = "notification"
INBOX = "/proctorium.notification.v1.InboxService/ListNotifications"
ME = "/proctorium.enrollment.v1.AccountService/GetMe"
PUBLIC = "/proctorium.enrollment.v1.AccountService/SignIn"
EVIDENCE = "/proctorium.identity.v1.VerificationService/SubmitEvidence"
WATCH = "/proctorium.session.v1.LobbyService/WatchSession"
MIB = 1024 * 1024
CALL_SECONDS = 0.5
PROBE = "x-proctorium-probe"
KEY = SigningKey(b"k" * 32)
"""The signing key of the tokens that the edge accepts."""
PERSON = UUID("0198f6a0-0000-7000-8000-000000000001")
SERVING = b"\x08\x01"
UnaryCall: TypeAlias = "grpc.aio.UnaryUnaryMultiCallable[bytes, bytes]"
StreamCall: TypeAlias = "grpc.aio.UnaryStreamMultiCallable[bytes, bytes]"
Context: TypeAlias = "grpc.aio.ServicerContext[bytes, bytes]"


class Upstreams(grpc.GenericRpcHandler):
    """A fake of all services and of the portal. It records each request and responds to it.

    The response is an empty message, a page or an error.
    """

    def __init__(self) -> None:
        self.metadata: dict[str, str] = {}
        self.request = b""
        self.peer: str | None = None
        self.connection: str | None = None
        self.time_remaining: float | None = None
        self.page_requests: list[bytes] = []
        self.hang_ups = 0
        """For this number of page requests, the portal closes the connection without a response."""
        self.slow = False
        self.error: ServiceError | None = None
        self.library_error: grpc.StatusCode | None = None
        """The code of an error with which calls fail, or None if they do not fail with such an error.

        The error has no reason, like the errors that a gRPC library creates.
        """
        self.broken_peer: str | None = None
        """The peer of a connection on which every call fails, or None if no connection is broken.

        This simulates a connection that a gRPC library has broken.
        """
        self.fails_calls = False

    def service(
        self, handler_call_details: grpc.HandlerCallDetails
    ) -> grpc.RpcMethodHandler[bytes, bytes]:
        """Return the handler for a call of any method."""
        match handler_call_details.method:
            case "/grpc.health.v1.Health/Check":
                return grpc.unary_unary_rpc_method_handler(self._check_health)
            case method if "/Watch" in method:
                return grpc.unary_stream_rpc_method_handler(self._watch)
            case _:
                return grpc.unary_unary_rpc_method_handler(self._call)

    async def _check_health(self, request: bytes, context: Context) -> bytes:
        through_edge = PROBE in dict(context.invocation_metadata() or ())
        if through_edge:
            await self._fail_if_broken(context)
        return SERVING

    async def _fail_if_broken(self, context: Context) -> None:
        if self.fails_calls or context.peer() == self.broken_peer:
            await context.abort(grpc.StatusCode.INTERNAL, "Error in the HTTP/2 framing layer")

    async def _call(self, request: bytes, context: Context) -> bytes:
        self._record(context)
        self.request = request
        await self._fail_if_broken(context)
        if self.error is not None:
            details = ((DETAILS_KEY, details_of(self.error)),)
            await context.abort(CODES[self.error.kind], self.error.message, details)
        if self.library_error is not None:
            await context.abort(self.library_error, "An error of the library")
        if self.slow:
            await asyncio.sleep(10 * CALL_SECONDS)
        return b""

    async def _watch(self, request: bytes, context: Context) -> AsyncIterator[bytes]:
        yield b""
        await asyncio.sleep(3 * CALL_SECONDS)
        yield b""

    def _record(self, context: Context) -> None:
        self.metadata = {str(key): str(value) for key, value in context.invocation_metadata() or ()}
        self.peer = peer_name(context.auth_context())
        self.connection = context.peer()
        self.time_remaining = context.time_remaining()

    async def page(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Respond to a request for any path with the same page."""
        self.page_requests.append(await reader.readuntil(b"\r\n\r\n"))
        if self.hang_ups > 0:
            self.hang_ups -= 1
            writer.close()
            return
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\npage")
        await writer.drain()
        writer.close()


class Harness:
    """An edge, the fake services behind the edge, and an HTTP client of the edge."""

    def __init__(
        self,
        address: str,
        upstreams: Upstreams,
        http: AsyncClient,
        settings: EdgeSettings,
        log: Path,
        envoy: Edge,
    ) -> None:
        self.address = address
        self.token: str | None = TokenSigner(KEY).sign(PERSON, ["learner"]).text
        """The token that is sent with each call to which the test adds no authorization header and no cookie.

        If it is None, no token is sent.
        """
        self.upstreams = upstreams
        self.http = http
        self.settings = settings
        self.log = log
        self._envoy = envoy

    @property
    def memory(self) -> int:
        """The resident memory of the Envoy process, in bytes."""
        assert self._envoy.process is not None
        status = Path(f"/proc/{self._envoy.process.pid}/status").read_text()
        kilobytes = next(line for line in status.splitlines() if line.startswith("VmRSS:"))
        return int(kilobytes.split()[1]) * 1024

    async def connect(
        self, source: str = LOOPBACK
    ) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        """Open a TCP connection to the edge from the address `source`."""
        host, port = self.address.rsplit(":", 1)
        return await asyncio.open_connection(host, int(port), local_addr=(source, 0))

    def with_token(self, token: str | None) -> Harness:
        """Return a copy of the harness with another token. If `token` is None, the copy sends no token."""
        other = copy(self)
        other.token = token
        return other

    @property
    def authorization(self) -> tuple[tuple[str, str], ...]:
        """The authorization header as gRPC metadata. If the harness has no token, the metadata is empty."""
        return () if self.token is None else (("authorization", f"Bearer {self.token}"),)

    def _authorization(self, names: Sequence[str]) -> dict[str, str]:
        """Return the authorization header, or an empty dictionary if it must not be added.

        `names` are the names of the headers that the test sends. The header is not added if `names` contains an
        authorization header or a cookie.
        """
        return {} if {"authorization", "cookie"}.intersection(names) else dict(self.authorization)

    async def call(
        self, method: str, request: bytes = b"", *metadata: tuple[str, str], timeout: float = 5
    ) -> bytes:
        """Make a gRPC call to the edge and return the response."""
        async with grpc.aio.insecure_channel(self.address) as channel:
            call: UnaryCall = channel.unary_unary(method)
            authorization = self._authorization([name for name, _ in metadata])
            return await call(
                request, metadata=(*metadata, *authorization.items()), timeout=timeout
            )

    async def json(self, method: str, body: str = "{}", **headers: str) -> Response:
        """Make a call with a JSON body to the edge and return the response."""
        return await self.http.post(
            method,
            content=body,
            headers={
                "content-type": "application/json",
                **self._authorization([*headers]),
                **headers,
            },
        )

    async def post(self, method: str, body: str, content_type: str | None) -> Response:
        """Make an HTTP POST request, with or without a content type, and return the response."""
        headers = {} if content_type is None else {"content-type": content_type}
        return await self.http.post(
            method, content=body, headers={**headers, **self._authorization([])}
        )

    async def health(self, service: str) -> int:
        """Return the HTTP status of the edge's health page for `service`."""
        return (await self.http.get(f"/healthz/{service}")).status_code

    async def web(self, method: str, request: bytes = b"") -> Response:
        """Make a gRPC-Web call to the edge and return the response."""
        return await self.http.post(
            method,
            content=b"\0" + len(request).to_bytes(4, "big") + request,
            headers={
                "content-type": "application/grpc-web+proto",
                "x-grpc-web": "1",
                **self._authorization([]),
            },
        )


@asynccontextmanager
async def running_edge(folder: Path, **settings: Any) -> AsyncIterator[Harness]:
    """Run an edge and the fake services behind it within the block. `settings` are fields of EdgeSettings."""
    certificates = issue(folder / "certificates", [*SERVICES, "edge"])
    listen, admin, portal, unavailable, *ports = free_ports(4 + len(SERVICES))
    upstreams = Upstreams()
    pair = certificates["edge"]
    edge_settings = replace(
        EdgeSettings(
            listen=Address(LOOPBACK, listen),
            admin=Address(LOOPBACK, admin),
            services=tuple(
                Upstream(name, Address(LOOPBACK, port))
                for name, port in zip((*SERVICES, UNAVAILABLE), (*ports, unavailable), strict=True)
            ),
            portal=Address(LOOPBACK, portal),
            client=ClientTls(str(pair.certificate), str(pair.key), str(pair.authority)),
            token_check=str(folder / "keys" / "token_check.json"),
            call_seconds=CALL_SECONDS,
        ),
        **settings,
    )
    check_tokens(edge_settings, KEY)
    async with AsyncExitStack() as running:
        for name, port in zip(SERVICES, ports, strict=True):
            server = await _serve(upstreams, certificates[name], port)
            running.push_async_callback(server.stop, None)
        pages = await asyncio.start_server(upstreams.page, LOOPBACK, portal)
        running.callback(pages.close)
        envoy = Edge(folder / "envoy", edge_settings, folder / "edge.log", dependencies=())
        await envoy.start()
        running.push_async_callback(envoy.stop)
        http = AsyncClient(base_url=f"http://{LOOPBACK}:{listen}")
        await running.enter_async_context(http)
        yield Harness(
            f"{LOOPBACK}:{listen}", upstreams, http, edge_settings, folder / "edge.log", envoy
        )


def check_tokens(settings: EdgeSettings, *keys: SigningKey) -> None:
    """Make the edge check tokens with the public keys of `keys`, by replacing the file that the edge watches."""
    file = Path(settings.token_check)
    file.parent.mkdir(exist_ok=True)
    new = file.with_name("new")
    new.write_text(token_check([key.public for key in keys], complete=True), encoding="utf-8")
    new.replace(file)


async def _serve(upstreams: Upstreams, pair: KeyPair, port: int) -> grpc.aio.Server:
    server = grpc.aio.server(options=[("grpc.max_receive_message_length", 32 * MIB)])
    server.add_generic_rpc_handlers((upstreams,))
    certificates = Certificates.load(pair.certificate, pair.key, pair.authority)
    server.add_secure_port(f"{LOOPBACK}:{port}", certificates.server())
    await server.start()
    return server

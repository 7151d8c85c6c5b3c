"""A gRPC server with mutual TLS, health checks, reflection, call admission and graceful shutdown."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from datetime import timedelta
from typing import cast

import grpc
from grpc_channelz.v1 import channelz, channelz_pb2
from grpc_health.v1 import health_pb2, health_pb2_grpc
from grpc_reflection.v1alpha import reflection, reflection_pb2

from proctorium_common.rpc.admission import EDGE, Admission
from proctorium_common.rpc.calls import STREAMS_PER_PERSON, ServerCalls
from proctorium_common.rpc.guard import Guard
from proctorium_common.rpc.health import Health
from proctorium_common.rpc.methods import (
    AddToServer,
    Handler,
    HandlerCollector,
    Servicer,
    WrappedMethods,
    methods_of,
)
from proctorium_common.rpc.validation import RequestRules
from proctorium_common.security.revocations import Revocations
from proctorium_common.security.tls import Certificates, require_loopback
from proctorium_common.security.tokens import TokenVerifier
from proctorium_common.telemetry import Telemetry
from proctorium_common.telemetry.logs import CallLog, get_logger

_log = get_logger()

_INFRASTRUCTURE = tuple(
    service.full_name
    for file in (health_pb2.DESCRIPTOR, reflection_pb2.DESCRIPTOR, channelz_pb2.DESCRIPTOR)
    for service in file.services_by_name.values()
)


@dataclass(frozen=True)
class ServerLimits:
    """The limits of connections, calls and messages.

    The age of connections is limited, because clients connect to new replicas only when they open a new connection.
    """

    connection_age: timedelta = timedelta(minutes=30)
    connection_grace: timedelta = timedelta(minutes=5)
    keepalive: timedelta = timedelta(seconds=20)
    keepalive_timeout: timedelta = timedelta(seconds=10)
    min_ping_interval: timedelta = timedelta(seconds=5)
    message_bytes: int = 4 * 1024 * 1024
    default_deadline: timedelta = timedelta(seconds=30)
    streams_per_person: int = STREAMS_PER_PERSON
    min_time_left: timedelta = timedelta(milliseconds=5)
    pending_calls: int = 20_000

    def options(self) -> list[tuple[str, int]]:
        """Return the limits as gRPC channel arguments."""
        return [
            ("grpc.max_connection_age_ms", _ms(self.connection_age)),
            ("grpc.max_connection_age_grace_ms", _ms(self.connection_grace)),
            ("grpc.keepalive_time_ms", _ms(self.keepalive)),
            ("grpc.keepalive_timeout_ms", _ms(self.keepalive_timeout)),
            ("grpc.keepalive_permit_without_calls", 1),
            # Clients send a ping every 20 s (client.py), and the edge every 30 s. With gRPC's default for the minimum
            # interval of pings, the server would close an idle connection because of these pings.
            ("grpc.http2.min_ping_interval_without_data_ms", _ms(self.min_ping_interval)),
            ("grpc.max_receive_message_length", self.message_bytes),
            ("grpc.max_send_message_length", self.message_bytes),
            # By default, gRPC cancels random calls when more than 1,000 calls are pending. Raise this limit, because
            # more calls can be pending when all clients reconnect after a restart. The edge has its own limit for the
            # number of calls.
            ("grpc.server.max_pending_requests", self.pending_calls),
            ("grpc.server.max_pending_requests_hard_limit", 2 * self.pending_calls),
            # A second process that is started on the same address by mistake must fail to start. Otherwise the second
            # process would receive half of the calls.
            ("grpc.so_reuseport", 0),
            ("grpc.enable_channelz", 1),
        ]


@dataclass(frozen=True)
class Endpoint:
    """The address of a server, and the clients that may call the server.

    With `certificates`, connections use mutual TLS, and only the edge and the clients whose certificate name is in
    `peers` may call the server. Without `certificates`, the address must be on the loopback.
    """

    address: str
    certificates: Certificates | None = None
    peers: frozenset[str] = frozenset()

    def open(self, server: grpc.aio.Server) -> int:
        """Bind the address and return the port. Raises NotLoopbackError, AddressInUseError."""
        try:
            if self.certificates is not None:
                return server.add_secure_port(self.address, self.certificates.server())
            require_loopback(self.address)
            return server.add_insecure_port(self.address)
        except RuntimeError as failure:
            raise AddressInUseError(
                f"{self.address} cannot be listened on. Is it in use?"
            ) from failure


class AddressInUseError(Exception):
    """The address of the server is in use."""


class Server:
    """A gRPC server. Call `add` for each servicer, then `start`. Call `drain` to shut down.

    `probe_address` is the address of a second port without TLS. This port serves only health checks, and is for
    orchestrators that have no certificate.
    """

    def __init__(
        self,
        endpoint: Endpoint,
        *,
        telemetry: Telemetry,
        tokens: TokenVerifier,
        health: Health,
        call_log: CallLog,
        limits: ServerLimits | None = None,
        probe_address: str | None = None,
        revocations: Revocations | None = None,
    ) -> None:
        limits = limits or ServerLimits()
        self._endpoint = endpoint
        self._health = health
        self._probe_address = probe_address
        self._options = limits.options()
        self._message_bytes = limits.message_bytes
        self._servers: list[grpc.aio.Server] = []
        self._handlers: dict[str, Handler] = {}
        self._names: list[str] = []
        self._rules = RequestRules()
        self._calls = ServerCalls(
            telemetry,
            call_log=call_log,
            default_seconds=limits.default_deadline.total_seconds(),
            streams_per_person=limits.streams_per_person,
        )
        peers = None if endpoint.certificates is None else endpoint.peers | {EDGE}
        admission = Admission(
            tokens,
            self._rules,
            self._calls,
            peers=peers,
            least_seconds=limits.min_time_left.total_seconds(),
        )
        if revocations is not None:
            revocations.on_change(admission.recheck_streams)
        self._guard = Guard(admission, self._calls)
        self.port = 0

    def add(self, add_to_server: AddToServer[Servicer], servicer: Servicer) -> None:
        """Serve `servicer`. Raises MissingAccessRuleError if a method has no access rule."""
        collector = HandlerCollector()
        add_to_server(servicer, cast(grpc.aio.Server, collector))
        for service, handlers in collector.handlers.items():
            methods = methods_of(service, self._message_bytes)
            for method in methods.values():
                self._rules.compile(method.request)
            for name, handler in handlers.items():
                self._handlers[methods[name].name] = self._guard.wrap(methods[name], handler)
            self._names.append(service)
            self._health.serve([service])

    async def start(self) -> int:
        """Start listening and return the port. The server is then alive, but not ready yet.

        Raises NotLoopbackError, AddressInUseError.
        """
        server = grpc.aio.server(options=self._options)
        self._servers.append(server)
        server.add_generic_rpc_handlers([WrappedMethods(self._handlers)])
        health_pb2_grpc.add_HealthServicer_to_server(self._health.servicer, server)
        channelz.add_channelz_servicer(server)
        reflection.enable_server_reflection([*self._names, *_INFRASTRUCTURE], server)
        self.port = self._endpoint.open(server)
        await self._health.publish_alive()
        await server.start()
        if self._probe_address is not None:
            await self._start_probes(self._probe_address)
        _log.info("server_listening", address=self._endpoint.address, port=self.port)
        return self.port

    async def _start_probes(self, address: str) -> None:
        server = grpc.aio.server(options=[("grpc.so_reuseport", 0)])
        self._servers.append(server)
        health_pb2_grpc.add_HealthServicer_to_server(self._health.servicer, server)
        try:
            server.add_insecure_port(address)
        except RuntimeError as failure:
            raise AddressInUseError(f"{address} cannot be listened on. Is it in use?") from failure
        await server.start()

    @property
    def is_draining(self) -> bool:
        """Whether the server has ended its response streams and refuses new calls."""
        return self._calls.shutting_down

    async def drain(self, *, wait: timedelta, grace: timedelta) -> None:
        """Stop gracefully.

        First, publish that the server is not ready. After the duration `wait`, refuse new calls and end the response
        streams. The other calls in progress may continue for the duration `grace`.
        """
        await self._health.shut_down()
        await asyncio.sleep(wait.total_seconds())
        self._calls.end_streams()
        for server in self._servers:
            await server.stop(grace.total_seconds())

    async def stop(self) -> None:
        """Stop at once, without waiting for calls in progress."""
        for server in self._servers:
            await server.stop(None)


def _ms(duration: timedelta) -> int:
    return int(duration.total_seconds() * 1000)

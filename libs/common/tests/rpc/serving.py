"""A server of the echo service on a free port, with or without certificates."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import UUID

from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from proctorium_common.rpc.client import Channel, channel
from proctorium_common.rpc.health import Health
from proctorium_common.rpc.server import Endpoint, Server, ServerLimits
from proctorium_common.security.keys import KeyRing, SigningKey
from proctorium_common.security.revocations import Revocations
from proctorium_common.security.tls import Certificates
from proctorium_common.security.tokens import TokenSigner, TokenVerifier
from proctorium_common.telemetry import Telemetry
from proctorium_common.telemetry.logs import CallLine, CallLog
from proctorium_common.telemetry.metrics import Metrics
from proctorium_common.telemetry.traces import Tracing
from proctorium_devstack.components.certificates import issue

from .echo import Behavior, EchoServicer, echo, stubs

PERSON = UUID("01920000-0000-7000-8000-000000000001")


class RecordedCallLog(CallLog):
    """A call log that stores the log lines instead of printing them."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[dict[str, Any]] = []

    def write(self, line: CallLine) -> None:
        self.lines.append(json.loads(self._json(line, "info")))


@dataclass
class Served:
    """A running server of the echo service, with the objects that a test needs to call and inspect the server."""

    server: Server
    servicer: EchoServicer
    health: Health
    telemetry: Telemetry
    spans: InMemorySpanExporter
    log: RecordedCallLog
    key: SigningKey
    certificates: dict[str, Certificates] = field(default_factory=dict)

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.server.port}"

    def token(self, *roles: str, **signing: Any) -> str:
        return TokenSigner(self.key, **signing).sign(PERSON, roles).text

    def channel(self, *, name: str | None = None, **how: Any) -> Channel:
        """Open a channel to the server; if `name` is given, use the certificate of the client `name`."""
        certificates = self.certificates[name] if name is not None else None
        server = "assessment" if name is not None else None
        return channel(self.address, certificates=certificates, server=server, **how)

    def finished_spans(self) -> list[ReadableSpan]:
        provider = self.telemetry.tracing._provider
        assert provider is not None
        provider.force_flush()
        return list(self.spans.get_finished_spans())


@asynccontextmanager
async def serving(
    behavior: Behavior = echo,
    *,
    tls: Path | None = None,
    ratio: float = 1.0,
    limits: ServerLimits | None = None,
    keys: KeyRing | None = None,
    ready: bool = True,
    probe_address: str | None = None,
    servicer: Any = None,
    revocations: Revocations | None = None,
) -> AsyncIterator[Served]:
    """Serve the echo service within the block; if `tls` is given, use TLS with certificates in the folder `tls`."""
    spans = InMemorySpanExporter()
    telemetry = Telemetry(Tracing("echo", ratio=ratio, exporter=spans), Metrics("echo"))
    certificates = certificates_in(tls) if tls is not None else {}
    key = SigningKey.generate()
    health = Health(telemetry.metrics, interval_seconds=0.02)
    log = RecordedCallLog()
    server = Server(
        Endpoint("127.0.0.1:0", certificates.get("assessment"), frozenset({"session"})),
        telemetry=telemetry,
        tokens=TokenVerifier(keys or KeyRing.of(key.public), revocations=revocations),
        health=health,
        call_log=log,
        limits=limits,
        probe_address=probe_address,
        revocations=revocations,
    )
    servicer = servicer or EchoServicer(behavior)
    server.add(stubs.add_EchoServiceServicer_to_server, servicer)
    await server.start()
    if ready:
        await health.check_now()
    try:
        yield Served(server, servicer, health, telemetry, spans, log, key, certificates)
    finally:
        await server.drain(wait=timedelta(0), grace=timedelta(seconds=1))
        telemetry.tracing.close()


def certificates_in(folder: Path) -> dict[str, Certificates]:
    """Issue certificates for the server and its clients: the edge, a permitted service and a refused service."""
    pairs = issue(folder, ["assessment", "session", "notification", "edge"])
    return {
        name: Certificates.load(pair.certificate, pair.key, pair.authority)
        for name, pair in pairs.items()
    }


def bearer(token: str) -> tuple[tuple[str, str], ...]:
    return (("authorization", f"Bearer {token}"),)

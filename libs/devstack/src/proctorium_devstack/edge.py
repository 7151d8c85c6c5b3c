"""The edge's configuration: `deploy/envoy/edge.yaml.j2`, rendered for this machine, for compose and for Helm."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from jinja2 import Environment, FileSystemLoader, StrictUndefined

import proctorium
from proctorium_devstack.edge_replies import REPLIES, REPLIES_BY_CODE

DESCRIPTORS = Path(proctorium.__path__[0]) / "descriptors.binpb"
TEMPLATES = Path(__file__).resolve().parents[4] / "deploy" / "envoy"
_MIB = 1024 * 1024


@dataclass(frozen=True)
class Address:
    """A host name or address, and a port."""

    host: str
    port: int


@dataclass(frozen=True)
class ServerTls:
    """Files of the certificate that clients of the edge see."""

    certificate: str
    key: str


@dataclass(frozen=True)
class ClientTls:
    """Files of the certificate that the edge shows to the services (its name is `edge`), and of their authority."""

    certificate: str
    key: str
    authority: str


@dataclass(frozen=True)
class Upstream:
    """One service behind the edge: it has the methods of `proctorium.<name>.v1` and a certificate for `name`."""

    name: str
    address: Address


@dataclass(frozen=True)
class EdgeSettings:
    """Everything that differs from one place of installation to the next."""

    listen: Address
    admin: Address
    services: tuple[Upstream, ...]
    portal: Address
    client: ClientTls
    descriptors: str = str(DESCRIPTORS)
    tls: ServerTls | None = None
    """None: clients come in plaintext, because this is a laptop or because a load balancer ended their TLS."""
    tracing: Address | None = None
    """Where spans are sent by OTLP/HTTP; None: a client's `traceparent` is only passed on."""
    sampling_percent: int = 100
    trusted_hops: int = 0
    """How many proxies of ours stand before the edge and say in x-forwarded-for where a client is."""
    most_connections: int = 20_000
    call_seconds: float = 15
    """Nobody waits longer for a call, whatever deadline it states; uploads may take four times as long, watches any time."""
    request_bytes: int = _MIB
    upload_bytes: int = 17 * _MIB
    """For evidence and imports: 12 MiB, of which base64 in JSON makes a third more."""


def render(settings: EdgeSettings, templates: Path = TEMPLATES) -> str:
    """The configuration of Envoy, as YAML; `templates` is `deploy/envoy`."""
    # What is rendered is YAML: values are quoted by `tojson`, and HTML escapes would break them.
    environment = Environment(  # noqa: S701
        loader=FileSystemLoader(templates), undefined=StrictUndefined, keep_trailing_newline=True
    )
    return environment.get_template("edge.yaml.j2").render(
        settings=settings,
        lua=(templates / "edge.lua").read_text(encoding="utf-8"),
        reasons=(templates / "reasons.lua").read_text(encoding="utf-8"),
        replies=REPLIES,
        replies_by_code=REPLIES_BY_CODE,
        grpc_services=grpc_services({upstream.name for upstream in settings.services}),
    )


def grpc_services(names: set[str]) -> list[str]:
    """The full names of the gRPC services of `names` in the descriptor set of this installation."""
    descriptors = FileDescriptorSet.FromString(DESCRIPTORS.read_bytes())
    packages = {f"proctorium.{name}.v1" for name in names}
    return sorted(
        f"{file.package}.{service.name}"
        for file in descriptors.file
        if file.package in packages
        for service in file.service
    )

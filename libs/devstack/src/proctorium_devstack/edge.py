"""The edge's configuration: `deploy/envoy/edge.yaml.j2`, rendered for this machine, for compose and for Helm."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from google.protobuf.descriptor_pb2 import FileDescriptorSet
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from proctorium_access.token_check import FAILURE, FILTER
from proctorium_common.descriptors import DESCRIPTORS, descriptor_set
from proctorium_common.rpc.access import rules
from proctorium_devstack.edge_json import tables
from proctorium_devstack.edge_replies import REPLIES, REPLIES_BY_CODE
from proctorium_devstack.edge_routes import Kind, clusters_of, routes_of

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
class Rate:
    """Requests of one address to one route: so many at once, then so many a second."""

    burst: int
    per_second: int
    ipv6_prefix: int = 64
    """The bits of an IPv6 address that count as one address."""


# 1,000 learners behind one address join within a minute with some thirty calls each, four of them open to everybody,
# and then save once a second.
# All of them sign in within that minute and half of them mistype; what follows bounds guessing over many accounts (ADR
# 9).
_RATES: Mapping[str, Rate] = {
    **dict.fromkeys(Kind, Rate(burst=20_000, per_second=500)),
    Kind.SAVES: Rate(burst=20_000, per_second=2_000),
    Kind.PUBLIC: Rate(burst=4_000, per_second=100),
    Kind.SIGN_INS: Rate(burst=2_000, per_second=1, ipv6_prefix=48),
    "pages": Rate(burst=20_000, per_second=1_000),
}
_CHAINS = 8


@dataclass(frozen=True)
class EdgeSettings:
    """The settings that differ between installations."""

    listen: Address
    admin: Address
    services: tuple[Upstream, ...]
    portal: Address
    client: ClientTls
    token_check: str
    """The file that `proctorium_access.edge_keys` keeps, in a folder of its own."""
    descriptors: str = str(DESCRIPTORS)
    tls: ServerTls | None = None
    """None: clients connect in plaintext, on a development machine or behind a load balancer that terminates TLS."""
    https: bool = False
    """Whether a proxy before the edge terminates HTTPS; implied by `tls`. Must agree with enrollment's PROCTORIUM_SECURE_COOKIES."""
    tracing: Address | None = None
    """Where spans are sent by OTLP/HTTP; None: a client's `traceparent` is only passed on."""
    sampling_percent: int = 100
    trusted_hops: int = 0
    """The number of trusted proxies before the edge, which write client addresses to x-forwarded-for."""
    most_connections: int = 40_000
    """Connections of all clients. 5,000 learners with six each make 30,000."""
    connections_per_address: int = 6_500
    """Connections of one address, or of the few with the same hash. 1,000 learners in one building make 6,000. Not
    limited behind trusted proxies, whose address all clients share."""
    idle_seconds: float = 60
    """Time after which an idle connection, or a request or response that makes no progress, ends."""
    heap_bytes: int = 1024 * _MIB
    """Memory that Envoy may use. From 60 % of it on, idle connections end sooner and the requests that hold most are reset; at 97 % nothing new is taken."""
    rates: Mapping[str, Rate] = field(default_factory=lambda: _RATES)
    """How many requests an address may send, by kind of route."""
    call_seconds: float = 15
    """The longest a call may take, whatever its deadline; uploads may take four times as long, watches have no limit."""
    watch_idle_seconds: float = 40
    """Time without a message after which a watch ends. Services send a heartbeat every 15 s; clients give up after 37.5 s of silence."""
    stream_idle_seconds: float = 900
    """The same for streams of requests: a learner may think for long, and a token lasts as long as this."""
    small_bytes: int = 64 * 1024
    """For requests of methods that are open to everybody, and for what opens a watch."""
    request_bytes: int = _MIB
    upload_bytes: int = 17 * _MIB
    """For evidence: 12 MiB, of which base64 in JSON makes a third more."""
    ejection_seconds: float = 5
    """How long new calls avoid a host, if there is another one, after five consecutive calls failed by its fault."""
    upload_folder: str = "/tmp"
    """Where unfinished uploads wait; on a disk, not in memory."""
    most_requests: int = 20_000
    """Open calls and streams at a time to one cluster. A session of 5,000 learners needs one watch of each at session and at assessment."""


def render(settings: EdgeSettings, templates: Path = TEMPLATES) -> str:
    """The configuration of Envoy, as YAML; `templates` is `deploy/envoy`."""
    names = [upstream.name for upstream in settings.services]
    descriptors = descriptor_set()
    routes = routes_of(descriptors, names)
    clusters = clusters_of(routes)
    # What is rendered is YAML: values are quoted by `tojson`, and HTML escapes would break them.
    environment = Environment(  # noqa: S701
        loader=FileSystemLoader(templates), undefined=StrictUndefined, keep_trailing_newline=True
    )
    return environment.get_template("edge.yaml.j2").render(
        settings=settings,
        lua=(templates / "edge.lua").read_text(encoding="utf-8"),
        json_check=(templates / "json_check.lua").read_text(encoding="utf-8"),
        json_tables=tables(descriptors, grpc_services(descriptors, names)),
        reasons=(templates / "reasons.lua").read_text(encoding="utf-8"),
        https=settings.https or settings.tls is not None,
        token_filter=FILTER,
        token_failure=FAILURE,
        token_check_folder=str(Path(settings.token_check).parent),
        methods_for_services=sorted(
            path for path, rule in rules().items() if rule.for_services_only
        ),
        replies=REPLIES,
        replies_by_code=REPLIES_BY_CODE,
        grpc_services=grpc_services(descriptors, names),
        routes=routes,
        clusters=clusters,
        health_paths=[
            (f"/healthz/{name}", [cluster for cluster in clusters if cluster.service == name])
            for name in names
        ],
        chains=1 if settings.trusted_hops else _CHAINS,
        # In Linux's abstract namespace: no file to write, gone with the process.
        probes=f"@proctorium-edge-{settings.listen.port}-probes",
        addresses={upstream.name: upstream.address for upstream in settings.services},
    )


def grpc_services(descriptors: FileDescriptorSet, names: Iterable[str]) -> list[str]:
    """Return the full names of the gRPC services of `names`."""
    packages = {f"proctorium.{name}.v1" for name in names}
    return sorted(
        f"{file.package}.{service.name}"
        for file in descriptors.file
        if file.package in packages
        for service in file.service
    )

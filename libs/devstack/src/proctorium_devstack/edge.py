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
    """The files of the certificate that the edge presents to its clients."""

    certificate: str
    key: str


@dataclass(frozen=True)
class ClientTls:
    """The files of the certificate `edge`, which the edge presents to the services, and of their authority."""

    certificate: str
    key: str
    authority: str


@dataclass(frozen=True)
class Upstream:
    """One service behind the edge, with the methods of `proctorium.<name>.v1` and a certificate for `name`."""

    name: str
    address: Address


@dataclass(frozen=True)
class Rate:
    """A limit for each client address: a token bucket of `burst` requests that is refilled by `per_second`."""

    burst: int
    per_second: int
    ipv6_prefix: int = 64
    """The prefix length up to which IPv6 addresses count as one address."""


# Sized for 1,000 learners behind one address: they join within a minute, with about thirty calls each, four of them
# public, and then save once a second. The rate of sign-ins lets all of them sign in within that minute, half of them
# after a typing error, and then limits the guessing of passwords over many accounts (ADR 9).
_RATES: Mapping[str, Rate] = {
    **dict.fromkeys(Kind, Rate(burst=20_000, per_second=500)),
    Kind.SAVES: Rate(burst=20_000, per_second=2_000),
    Kind.PUBLIC: Rate(burst=4_000, per_second=100),
    Kind.SIGN_INS: Rate(burst=2_000, per_second=1, ipv6_prefix=48),
    "pages": Rate(burst=20_000, per_second=1_000),
}
_FILTER_CHAINS = 8


@dataclass(frozen=True)
class EdgeSettings:
    """The settings that differ between installations."""

    listen: Address
    admin: Address
    services: tuple[Upstream, ...]
    portal: Address
    client: ClientTls
    token_check: str
    """The file that `proctorium_access.edge_keys` updates, in a separate folder."""
    descriptors: str = str(DESCRIPTORS)
    tls: ServerTls | None = None
    """None if clients connect in plaintext: on a development machine, or to a load balancer that terminates TLS."""
    https: bool = False
    """Whether a proxy before the edge terminates HTTPS; implied by `tls`.

    Must agree with enrollment's PROCTORIUM_SECURE_COOKIES.
    """
    tracing: Address | None = None
    """The receiver of spans by OTLP/HTTP; without one, a client's `traceparent` is only passed on."""
    sampling_percent: int = 100
    trusted_hops: int = 0
    """The number of trusted proxies before the edge, which append client addresses to x-forwarded-for."""
    max_connections: int = 40_000
    """The limit of client connections. 5,000 learners with six each need 30,000."""
    connections_per_address: int = 6_500
    """The limit for one address, or for the addresses with the same hash. 1,000 learners in one building need 6,000.

    It does not apply behind trusted proxies, because all clients have the proxy's address.
    """
    idle_seconds: float = 60
    """The time after which an idle connection, or a request or response without progress, is closed."""
    heap_bytes: int = 1024 * _MIB
    """The memory that Envoy may use.

    From 60 % on, idle connections are closed sooner and the requests with the largest buffers are reset. From 97 % on,
    new requests are refused.
    """
    rates: Mapping[str, Rate] = field(default_factory=lambda: _RATES)
    """The rate limits, by kind of route."""
    call_seconds: float = 15
    """The limit of a call's duration, whatever its deadline; four times as long for uploads, none for watches."""
    watch_idle_seconds: float = 40
    """The time without a message after which a watch is closed.

    Services send a heartbeat every 15 s; clients reconnect after 37.5 s without one.
    """
    stream_idle_seconds: float = 900
    """The same for streams of requests: learners may pause for long, and a token is valid for as long as this."""
    small_request_bytes: int = 64 * 1024
    """The limit for requests of public methods and of watches."""
    request_bytes: int = _MIB
    """The limit for other requests."""
    upload_bytes: int = 17 * _MIB
    """The limit for evidence: 12 MiB, which base64 in JSON enlarges by a third."""
    ejection_seconds: float = 5
    """How long a host receives no new calls, if there is another one, after five consecutive server errors."""
    upload_folder: str = "/tmp"
    """The folder of unfinished uploads, on a disk instead of in memory."""
    max_requests: int = 20_000
    """The limit of concurrent calls and streams to one cluster.

    5,000 learners need one watch each at session and at assessment.
    """


def render(settings: EdgeSettings, templates: Path = TEMPLATES) -> str:
    """Return the configuration of Envoy, as YAML; `templates` is the folder `deploy/envoy`."""
    names = [upstream.name for upstream in settings.services]
    descriptors = descriptor_set()
    routes = routes_of(descriptors, names)
    clusters = clusters_of(routes)
    # The output is YAML: values are quoted by `tojson`, and HTML escapes would corrupt them.
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
        chains=1 if settings.trusted_hops else _FILTER_CHAINS,
        # In Linux's abstract namespace, which needs no file and ends with the process.
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

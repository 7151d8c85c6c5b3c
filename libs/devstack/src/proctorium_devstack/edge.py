"""Render the edge's configuration `deploy/envoy/edge.yaml.j2` for this machine, for compose and for Helm."""

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
    """A host (a name or an address) and a port."""

    host: str
    port: int


@dataclass(frozen=True)
class ServerTls:
    """The files of the certificate that the edge presents to its clients."""

    certificate: str
    key: str


@dataclass(frozen=True)
class ClientTls:
    """The files of the edge's client certificate, and of the authority that issues the services' certificates."""

    certificate: str
    key: str
    authority: str


@dataclass(frozen=True)
class Upstream:
    """A service behind the edge. It serves the methods of the package `proctorium.<name>.v1`.

    The certificate of the service contains `name`.
    """

    name: str
    address: Address


@dataclass(frozen=True)
class Rate:
    """A rate limit for each client address: a token bucket.

    The bucket holds at most `burst` requests. Each second, `per_second` requests are added to it.
    """

    burst: int
    per_second: int
    ipv6_prefix: int = 64
    """The number of bits of the IPv6 prefix. All addresses with the same prefix share one limit."""


# The limits are sufficient for 1,000 learners who share one address. The learners join within one minute. During this
# minute, each learner makes about thirty calls, and four of these calls are to public methods. Then each learner saves
# once a second. 2,000 sign-ins are allowed in the first minute, because half of the learners may mistype the password
# once. After that minute, the sign-in limit slows down the guessing of passwords (ADR 9).
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
    """The settings of the edge that differ between installations."""

    listen: Address
    admin: Address
    services: tuple[Upstream, ...]
    portal: Address
    client: ClientTls
    token_check: str
    """The file with the public keys for checking tokens. `proctorium_access.edge_keys` updates this file.

    The folder of the file must contain no other files.
    """
    descriptors: str = str(DESCRIPTORS)
    tls: ServerTls | None = None
    """The edge's certificate. If it is None, clients connect without TLS.

    This is the case on a development machine, and behind a load balancer that terminates TLS.
    """
    https: bool = False
    """Whether a proxy before the edge terminates HTTPS. If `tls` is set, clients always use HTTPS.

    Enrollment's setting PROCTORIUM_SECURE_COOKIES must be true exactly if clients use HTTPS.
    """
    tracing: Address | None = None
    """The address to which the edge sends spans by OTLP/HTTP.

    If it is None, the edge sends no spans, but still passes on a client's `traceparent`.
    """
    sampling_percent: int = 100
    trusted_hops: int = 0
    """The number of trusted proxies before the edge that append an address to x-forwarded-for."""
    max_connections: int = 40_000
    """The limit of client connections. 5,000 learners with six connections each need 30,000 connections."""
    connections_per_address: int = 6_500
    """The limit of connections from all client addresses that have the same hash.

    1,000 learners in one building share one address and need 6,000 connections. If there are trusted proxies before the
    edge, this limit does not apply, because all connections come from the address of a proxy.
    """
    idle_seconds: float = 60
    """The time without progress, in seconds, after which a connection, request or response is closed."""
    heap_bytes: int = 1024 * _MIB
    """The memory that Envoy may use.

    If Envoy uses more than 60 % of this memory, idle connections are closed sooner, and the requests with the largest
    buffers are reset. If Envoy uses more than 97 %, new requests are refused.
    """
    rates: Mapping[str, Rate] = field(default_factory=lambda: _RATES)
    """The rate limit of each kind of route."""
    call_seconds: float = 15
    """The maximum duration of a call in seconds. It also applies to a call with a later deadline.

    An upload may take four times as long. A watch may take any time.
    """
    watch_idle_seconds: float = 40
    """The time without a message, in seconds, after which a watch is closed.

    Services send a heartbeat every 15 s. Clients reconnect after 37.5 s without a heartbeat.
    """
    stream_idle_seconds: float = 900
    """The time without a message, in seconds, after which a stream of requests is closed.

    The value is large because learners may pause for a long time. It is equal to the lifetime of a token.
    """
    small_request_bytes: int = 64 * 1024
    """The size limit for requests of public methods and of watches."""
    request_bytes: int = _MIB
    """The size limit for other requests."""
    upload_bytes: int = 17 * _MIB
    """The size limit for requests with evidence. A request may have 12 MiB of images, which JSON encodes as 16 MiB."""
    ejection_seconds: float = 5
    """The time in seconds for which a host receives no new calls after five consecutive server errors.

    A host is excluded only if there is another host.
    """
    upload_folder: str = "/tmp"
    """The folder for unfinished uploads, which are buffered on a disk instead of in memory."""
    max_requests: int = 20_000
    """The limit of concurrent calls and streams to one cluster.

    5,000 learners have 5,000 watches at the session service and 5,000 watches at the assessment service.
    """


def render(settings: EdgeSettings, templates: Path = TEMPLATES) -> str:
    """Return the Envoy configuration as YAML. `templates` is the path of the folder `deploy/envoy`."""
    names = [upstream.name for upstream in settings.services]
    descriptors = descriptor_set()
    routes = routes_of(descriptors, names)
    clusters = clusters_of(routes)
    # Autoescaping is off, because HTML escapes would corrupt the YAML. `tojson` quotes the values.
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
        # A socket in Linux's abstract namespace has no file, so no file remains after the process has ended.
        probes=f"@proctorium-edge-{settings.listen.port}-probes",
        addresses={upstream.name: upstream.address for upstream in settings.services},
    )


def grpc_services(descriptors: FileDescriptorSet, names: Iterable[str]) -> list[str]:
    """Return the full names of the gRPC services that the services in `names` implement, sorted."""
    packages = {f"proctorium.{name}.v1" for name in names}
    return sorted(
        f"{file.package}.{service.name}"
        for file in descriptors.file
        if file.package in packages
        for service in file.service
    )

"""The routes of the edge. A route contains all methods of one service that are of one kind.

The methods are read from the protos' descriptors. A method that is not in the descriptors has no route, so a call to
this method never reaches a service.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from google.protobuf.descriptor_pb2 import FileDescriptorSet, MethodDescriptorProto

from proctorium.options.v1 import options_pb2

_PACKAGE = re.compile(r"proctorium\.(\w+)\.v1")

SAVES = frozenset(
    {
        "/proctorium.assessment.v1.AttemptService/SaveAnswers",
        "/proctorium.assessment.v1.AttemptService/StreamAnswers",
    }
)
"""The methods that save answers. They have a separate cluster, whose limits other calls cannot exhaust."""

UPLOADS = frozenset({"/proctorium.identity.v1.VerificationService/SubmitEvidence"})
"""The methods that have large requests."""

SIGN_INS = frozenset({"/proctorium.enrollment.v1.AccountService/SignIn"})
"""The methods with which anybody can guess passwords. Their rate limit is lower than the limits of other methods."""


class Kind(StrEnum):
    """A kind of method. The kind determines the limits of a route: request size, duration and rate."""

    SAVES = "saves"
    STREAMS = "streams"
    """Methods with a stream of requests, which are not buffered."""
    WATCHES = "watches"
    """Methods with one request and a stream of responses."""
    UPLOADS = "uploads"
    SIGN_INS = "sign-ins"
    PUBLIC = "public"
    """Methods that need no sign-in. Their requests are small."""
    CALLS = "calls"


@dataclass(frozen=True)
class Cluster:
    """An Envoy cluster: a pool of connections to one service. Each cluster has separate limits."""

    name: str
    service: str


@dataclass(frozen=True)
class Route:
    """The route of all methods of one service that are of one kind."""

    cluster: Cluster
    kind: Kind
    methods: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name of the route in the access log."""
        return f"{self.cluster.service}-{self.kind}"

    @property
    def regex(self) -> str:
        """A regular expression (RE2) that matches the full paths of the methods."""
        return "|".join(method.replace(".", r"\.") for method in self.methods)


class UnknownMethodError(Exception):
    """A table in this module contains a method that does not exist in the protos."""


def routes_of(descriptors: FileDescriptorSet, services: Iterable[str]) -> Sequence[Route]:
    """Return the routes for `services`. The routes of the methods that save answers come first.

    Raises UnknownMethodError if a table in this module contains a method that does not exist.
    """
    methods: dict[tuple[Cluster, Kind], list[str]] = {}
    paths_of_protos = set()
    selected = frozenset(services)
    for service, path, method in _methods(descriptors):
        paths_of_protos.add(path)
        if service in selected:
            key = (_cluster_of(service, path), _kind_of(path, method))
            methods.setdefault(key, []).append(path)
    if missing := (SAVES | UPLOADS | SIGN_INS) - paths_of_protos:
        raise UnknownMethodError(f"no proto has {', '.join(sorted(missing))}")
    routes = [Route(*key, tuple(sorted(paths))) for key, paths in methods.items()]
    return sorted(routes, key=lambda route: (route.methods[0] not in SAVES, route.name))


def clusters_of(routes: Iterable[Route]) -> Sequence[Cluster]:
    """Return all clusters that the routes use, each only once."""
    return list(dict.fromkeys(route.cluster for route in routes))


def _methods(descriptors: FileDescriptorSet) -> Iterator[tuple[str, str, MethodDescriptorProto]]:
    """Yield the service, the path and the descriptor of each Proctorium method."""
    for file in descriptors.file:
        package = _PACKAGE.fullmatch(file.package)
        if package is not None:
            for service in file.service:
                for method in service.method:
                    path = f"/{file.package}.{service.name}/{method.name}"
                    yield package.group(1), path, method


def _cluster_of(service: str, path: str) -> Cluster:
    return Cluster(f"{service}-saving" if path in SAVES else service, service)


def _kind_of(path: str, method: MethodDescriptorProto) -> Kind:
    if method.client_streaming:
        return Kind.STREAMS
    if method.server_streaming:
        return Kind.WATCHES
    if path in SAVES:
        return Kind.SAVES
    if path in UPLOADS:
        return Kind.UPLOADS
    if path in SIGN_INS:
        return Kind.SIGN_INS
    public: bool = method.options.Extensions[options_pb2.access].public
    return Kind.PUBLIC if public else Kind.CALLS

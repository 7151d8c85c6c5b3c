"""The methods that the edge forwards, from the protos' descriptors, grouped by their needs into a few routes for each service.

A method that is not in the descriptors has no route, so a call to it never reaches a service.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum

from google.protobuf.descriptor_pb2 import FileDescriptorSet, MethodDescriptorProto

from proctorium.options.v1 import options_pb2

_PACKAGE = re.compile(r"proctorium\.(\w+)\.v1")

SAVING = frozenset(
    {
        "/proctorium.assessment.v1.AttemptService/SaveAnswers",
        "/proctorium.assessment.v1.AttemptService/StreamAnswers",
    }
)
"""The save path. It has a cluster of its own, so that nothing else can use up its connections and requests."""

UPLOADS = frozenset({"/proctorium.identity.v1.VerificationService/SubmitEvidence"})
"""Methods whose requests are large."""


SIGN_INS = frozenset({"/proctorium.enrollment.v1.AccountService/SignIn"})
"""Methods that check a password of anybody who calls; they have a lower rate for each address."""


class Kind(StrEnum):
    """The needs of a route: how large requests are, how long they take, whether they end."""

    SAVES = "saves"
    STREAMS = "streams"
    """Requests come one by one for as long as the client likes, so they are not buffered."""
    WATCHES = "watches"
    """One request, then responses for as long as the client likes."""
    UPLOADS = "uploads"
    SIGN_INS = "sign-ins"
    PUBLIC = "public"
    """Open to everybody, so requests are small."""
    CALLS = "calls"


@dataclass(frozen=True)
class Cluster:
    """One pool of connections to a service, with limits of its own."""

    name: str
    service: str


@dataclass(frozen=True)
class Route:
    """The methods of one kind and service."""

    cluster: Cluster
    kind: Kind
    methods: tuple[str, ...]

    @property
    def name(self) -> str:
        """The name in the access log."""
        return f"{self.cluster.service}-{self.kind}"

    @property
    def regex(self) -> str:
        """The paths, for RE2, which has to match all of a path."""
        return "|".join(method.replace(".", r"\.") for method in self.methods)


class UnknownMethodError(Exception):
    """A table in this module names a method that the protos do not have."""


def routes_of(descriptors: FileDescriptorSet, services: Iterable[str]) -> Sequence[Route]:
    """Return the routes for `services`, the save path first. Raises UnknownMethodError."""
    methods: dict[tuple[Cluster, Kind], list[str]] = {}
    known = set()
    wanted = frozenset(services)
    for service, path, method in _methods(descriptors):
        known.add(path)
        if service in wanted:
            key = (_cluster_of(service, path), _kind_of(path, method))
            methods.setdefault(key, []).append(path)
    if missing := (SAVING | UPLOADS | SIGN_INS) - known:
        raise UnknownMethodError(f"no proto has {', '.join(sorted(missing))}")
    routes = [Route(*key, tuple(sorted(paths))) for key, paths in methods.items()]
    return sorted(routes, key=lambda route: (route.methods[0] not in SAVING, route.name))


def clusters_of(routes: Iterable[Route]) -> Sequence[Cluster]:
    """Return the clusters that the routes lead to."""
    return list(dict.fromkeys(route.cluster for route in routes))


def _methods(descriptors: FileDescriptorSet) -> Iterator[tuple[str, str, MethodDescriptorProto]]:
    """Yield the service, the path and the descriptor of every method of ours."""
    for file in descriptors.file:
        package = _PACKAGE.fullmatch(file.package)
        if package is not None:
            for service in file.service:
                for method in service.method:
                    path = f"/{file.package}.{service.name}/{method.name}"
                    yield package.group(1), path, method


def _cluster_of(service: str, path: str) -> Cluster:
    return Cluster(f"{service}-saving" if path in SAVING else service, service)


def _kind_of(path: str, method: MethodDescriptorProto) -> Kind:
    if method.client_streaming:
        return Kind.STREAMS
    if method.server_streaming:
        return Kind.WATCHES
    if path in SAVING:
        return Kind.SAVES
    if path in UPLOADS:
        return Kind.UPLOADS
    if path in SIGN_INS:
        return Kind.SIGN_INS
    public: bool = method.options.Extensions[options_pb2.access].public
    return Kind.PUBLIC if public else Kind.CALLS

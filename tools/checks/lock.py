"""Check that the lock files fulfil the requirements of all packages, and contain no addresses of registries."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;\\]+)", re.MULTILINE)
_ADDRESS = re.compile(r"\S*(://|^\s*-(e|f|i)\b|@ file:)\S*", re.MULTILINE)


def check_web_lock(lock: str) -> Iterator[str]:
    """Yield a finding for each line of `lock` that contains the address of a registry or of a funding page.

    `lock` is the text of a package-lock.json.
    """
    for line in lock.splitlines():
        if "://" in line:
            yield (
                f"package-lock.json contains an address, {line.strip()}: remove the entry (`resolved` by "
                "omit-lockfile-registry-resolved in .npmrc, `funding` by hand; npm needs neither)."
            )


def check_lock(
    lock: str, wanted: Mapping[str, Sequence[str]], own: frozenset[str]
) -> Iterator[str]:
    """Yield a finding for each requirement in `wanted` that `lock` does not fulfil.

    `wanted` maps a file to its requirements. `own` are the names of this repository's packages, which the lock file
    does not pin.
    """
    for found in _ADDRESS.finditer(lock):
        yield f'requirements.lock contains an address or a path, "{found.group().strip()}": run `make lock`.'
    pins: dict[str, set[Version]] = {}
    for pin in _PIN.finditer(lock):
        pins.setdefault(canonicalize_name(pin["name"]), set()).add(Version(pin["version"]))
    for file, requirements in wanted.items():
        for text in requirements:
            requirement = Requirement(text)
            name = canonicalize_name(requirement.name)
            if name in own:
                continue
            if not any(requirement.specifier.contains(version) for version in pins.get(name, ())):
                yield f"{file} requires {text}, and requirements.lock does not contain it: run `make lock`."

"""The lock pins what the packages ask for, and holds nothing of the machine that made it."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

_PIN = re.compile(r"^(?P<name>[A-Za-z0-9._-]+)==(?P<version>[^ ;\\]+)", re.MULTILINE)
_ADDRESS = re.compile(r"\S*(://|^\s*-(e|f|i)\b|@ file:)\S*", re.MULTILINE)


def check_web_lock(lock: str) -> Iterator[str]:
    """Sentences about addresses in `lock`, a package-lock.json: of a registry, or of those who ask for funding."""
    for line in lock.splitlines():
        if "://" in line:
            yield (
                f"package-lock.json holds an address, {line.strip()}: take the entry out (`resolved` is left out by "
                "omit-lockfile-registry-resolved in .npmrc, `funding` by hand; npm needs neither)."
            )


def check_lock(
    lock: str, wanted: Mapping[str, Sequence[str]], own: frozenset[str]
) -> Iterator[str]:
    """Sentences about requirements (`wanted`: file → requirements) that `lock` does not fulfil; `own` are our packages."""
    for found in _ADDRESS.finditer(lock):
        yield f'requirements.lock holds an address or a path, "{found.group().strip()}": make it anew with `make lock`.'
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
                yield f"{file} asks for {text}, and requirements.lock does not hold it: run `make lock`."

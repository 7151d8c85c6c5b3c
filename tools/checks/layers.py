"""Rules for imports between the folders of a service: contracts for import-linter, and two additional checks.

The additional checks are necessary because import-linter can forbid listed imports, but cannot forbid all imports that
are not listed. The first check ensures that `domain/` and `proctorium_common.errors` import only the standard library
and a few pure modules. The second check ensures that `storage/` imports no protobuf messages.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence

from tools.checks.sources import Source, imported

COMMON = "proctorium_common"
ACCESS = "proctorium_access"
DOCUMENTS = "proctorium_documents"
DEVSTACK = "proctorium_devstack"
CLIENT = "proctorium.client"
CLI = "proctorium_cli"
ERRORS = f"{COMMON}.errors"
PURE = (ERRORS, f"{COMMON}.states")
"""The modules of libs/common that `domain/` may import."""
MESSAGES = ("google.protobuf", "proctorium")


def import_contracts(services: Sequence[str]) -> str:
    """Return the configuration of import-linter for the packages `services` and for the libraries that they import."""
    return f"""\
[importlinter]
root_packages =
{_lines([*services, DEVSTACK, CLI, ACCESS, DOCUMENTS, COMMON, CLIENT])}

[importlinter:contract:packages]
name = No service imports another, nor devstack or libs/cli; libs/access and libs/documents import libs/common, which imports none of them; libs/client imports none
type = layers
layers =
    {" | ".join([*services, DEVSTACK, CLI])}
    {ACCESS} | {DOCUMENTS}
    {COMMON} | {CLIENT}

[importlinter:contract:layers]
name = Each folder of a service imports the folders below it only
type = layers
layers =
    (__main__)
    (commands)
    (api) | (subscribers) | (workers) | (pages)
    (settings)
    (operations)
    (events) | (documents) | (images) | (serialization) | (transport)
    (rendering)
    (storage)
    (domain)
containers =
{_lines(services)}
exhaustive = true
"""


def check_pure(sources: Iterable[Source], package: str, allowed: Sequence[str]) -> Iterator[str]:
    """Yield a finding for each import that is neither in the standard library nor in `allowed`."""
    for source in sources:
        for node, module in imported(source):
            if module.partition(".")[0] not in sys.stdlib_module_names and not _under(
                module, allowed
            ):
                yield (
                    f"{source.at(node)}: {package} is pure, and here it imports {module}. Pass in what is needed as a "
                    f"value, or do this in operations/. Allowed: the standard library, {', '.join(allowed)}."
                )


def check_no_messages(sources: Iterable[Source]) -> Iterator[str]:
    """Yield a finding for each import of protobuf messages. `sources` are the files of the folder `storage/`."""
    for source in sources:
        for node, module in imported(source):
            if _under(module, MESSAGES):
                yield (
                    f"{source.at(node)}: storage/ knows no messages, and here it imports {module}. "
                    f"Convert in api/messages.py, events.py or a subscriber."
                )


def _under(module: str, allowed: Sequence[str]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in allowed)


def _lines(names: Sequence[str]) -> str:
    return "\n".join(f"    {name}" for name in names)

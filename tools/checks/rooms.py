"""Which room of a service may import which; import-linter's contracts are made from the table of services.

What import-linter cannot say (it knows what is forbidden, not "only this") is checked here: `domain/` and
`proctorium_common.errors` import the standard library and next to nothing else.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sequence

from tools.checks.sources import Source, imported

COMMON = "proctorium_common"
ACCESS = "proctorium_access"
DEVSTACK = "proctorium_devstack"
ERRORS = f"{COMMON}.errors"


def import_contracts(services: Sequence[str]) -> str:
    """import-linter's configuration for the packages in `services` and the libraries below them."""
    return f"""\
[importlinter]
root_packages =
{_lines([*services, DEVSTACK, ACCESS, COMMON])}

[importlinter:contract:packages]
name = No service imports another, nor devstack; libs/access imports libs/common, which imports none of them
type = layers
layers =
    {" | ".join([*services, DEVSTACK])}
    {ACCESS}
    {COMMON}

[importlinter:contract:rooms]
name = api, subscribers, workers import operations; operations import domain and storage; storage imports domain
type = layers
layers =
    (__main__)
    (api) | (subscribers) | (workers)
    (operations)
    (storage)
    (domain)
containers =
{_lines(services)}
"""


def check_pure(sources: Iterable[Source], package: str, allowed: Sequence[str]) -> Iterator[str]:
    """Sentences about imports in `sources` of anything but the standard library and what starts with `allowed`."""
    for source in sources:
        for node, module in imported(source):
            if module.partition(".")[0] not in sys.stdlib_module_names and not _under(
                module, allowed
            ):
                yield (
                    f"{source.at(node)}: {package} decides without any library, and here it imports {module}. "
                    f"Pass in what is needed as a value, or do this in operations/. Allowed: the standard "
                    f"library, {', '.join(allowed)}."
                )


def _under(module: str, allowed: Sequence[str]) -> bool:
    return any(module == name or module.startswith(f"{name}.") for name in allowed)


def _lines(names: Sequence[str]) -> str:
    return "\n".join(f"    {name}" for name in names)

"""`python -m proctorium_devstack.edge_configuration`: write the edge's configuration before Envoy starts in Kubernetes.

The program reads the settings from a JSON file, which the Helm chart creates. The names are those of `EdgeSettings`. It
writes `edge.yaml` and the descriptors of the protos to a folder. The exit code is 0 for success, and 2 if a setting is
not valid. Errors are printed to standard error.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from proctorium_common.descriptors import DESCRIPTORS
from proctorium_devstack.edge import (
    TEMPLATES,
    Address,
    ClientTls,
    EdgeSettings,
    ServerTls,
    Upstream,
    render,
)


class EdgeSettingsError(Exception):
    """A setting in the JSON file is unknown, missing, or has the wrong type."""


def settings_of(text: str) -> EdgeSettings:
    """Return the settings in the JSON object `text`. Raises EdgeSettingsError."""
    try:
        given = json.loads(text)
        unknown = given.keys() - {field.name for field in fields(EdgeSettings)}
        if unknown:
            raise EdgeSettingsError(f"There is no setting {', '.join(sorted(unknown))}.")
        return EdgeSettings(
            **{name: _CONVERSIONS.get(name, _same)(value) for name, value in given.items()}
        )
    except (TypeError, KeyError, AttributeError, ValueError) as wrong:
        raise EdgeSettingsError(f"The settings of the edge are not valid: {wrong}") from wrong


def _same(value: Any) -> Any:
    return value


def _address(value: Mapping[str, Any]) -> Address:
    return Address(**value)


def _upstreams(values: list[Mapping[str, Any]]) -> tuple[Upstream, ...]:
    return tuple(Upstream(value["name"], _address(value["address"])) for value in values)


_CONVERSIONS: Mapping[str, Callable[[Any], Any]] = {
    **dict.fromkeys(("listen", "admin", "portal", "tracing"), _address),
    "services": _upstreams,
    "client": lambda value: ClientTls(**value),
    "tls": lambda value: ServerTls(**value),
}


def write(settings: EdgeSettings, folder: Path, templates: Path) -> None:
    """Write the Envoy configuration and the descriptors to `folder`."""
    (folder / Path(settings.descriptors).name).write_bytes(DESCRIPTORS.read_bytes())
    (folder / "edge.yaml").write_text(render(settings, templates), encoding="utf-8")


def main() -> int:
    """Write the files and return the exit code."""
    parser = argparse.ArgumentParser(description="Write the configuration of the edge.")
    parser.add_argument("--settings", type=Path, required=True, help="the JSON file to read")
    parser.add_argument("--folder", type=Path, required=True, help="the folder to write to")
    parser.add_argument(
        "--templates", type=Path, default=TEMPLATES, help="a copy of the folder deploy/envoy"
    )
    given = parser.parse_args()
    try:
        write(settings_of(given.settings.read_text("utf-8")), given.folder, given.templates)
    except EdgeSettingsError as wrong:
        print(wrong, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())

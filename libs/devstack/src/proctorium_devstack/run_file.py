"""The file `run.json`, which contains the addresses, processes and sign-ins of a running stack."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class ComponentStatus:
    """The status of a component: its `state` (starting, ready or down) and the number of `restarts` after failures."""

    state: str
    pid: int | None
    restarts: int = 0


@dataclass(frozen=True)
class RunFile:
    """The contents of the file. Addresses are `host:port`."""

    supervisor: int
    folder: str
    addresses: Mapping[str, str]
    certificates: str
    complete: bool = False
    """Whether the start of the stack is complete.

    The start is complete when all components have become ready and the demo data, if requested, is loaded.
    """
    components: Mapping[str, ComponentStatus] = field(default_factory=dict)
    sign_ins: tuple[tuple[str, str, str], ...] = ()
    """The sign-ins of the demo data. A sign-in consists of three texts: role and name, e-mail, password."""

    def write(self, file: Path) -> None:
        """Replace the file atomically. Only the current user can read the file, because it contains passwords."""
        unfinished = file.with_suffix(".unfinished")
        with os.fdopen(
            os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
        ) as out:
            json.dump(asdict(self), out, indent=1)
        unfinished.replace(file)

    @classmethod
    def read(cls, file: Path) -> RunFile:
        """Read the file. Raises FileNotFoundError if no stack runs."""
        read = json.loads(file.read_text(encoding="utf-8"))
        read["components"] = {
            name: ComponentStatus(**status) for name, status in read["components"].items()
        }
        read["sign_ins"] = tuple(tuple(each) for each in read["sign_ins"])
        return cls(**read)

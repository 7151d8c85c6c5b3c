"""`run.json`: what runs where, for whoever wants to attach (demo, chaos, tests, doctor)."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(frozen=True)
class PartStatus:
    """How a part is: `state` is starting, ready, or down; `restarts` counts how often it had to be started again."""

    state: str
    pid: int | None
    restarts: int = 0


@dataclass(frozen=True)
class RunFile:
    """The state of a stack. Addresses are `host:port`."""

    supervisor: int
    folder: str
    addresses: Mapping[str, str]
    certificates: str
    complete: bool = False
    """Whether every part was ready once, and the demo data was there if it was asked for."""
    parts: Mapping[str, PartStatus] = field(default_factory=dict)
    sign_ins: tuple[tuple[str, str, str], ...] = ()
    """Of the demo data: who it is, e-mail, password."""

    def write(self, file: Path) -> None:
        """Replace the file in one step, so that readers see one state or the other. Readable by us alone."""
        unfinished = file.with_suffix(".unfinished")
        with os.fdopen(
            os.open(unfinished, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w", encoding="utf-8"
        ) as out:
            json.dump(asdict(self), out, indent=1)
        unfinished.replace(file)

    @classmethod
    def read(cls, file: Path) -> RunFile:
        """What the file says. FileNotFoundError when nothing runs."""
        read = json.loads(file.read_text(encoding="utf-8"))
        read["parts"] = {name: PartStatus(**status) for name, status in read["parts"].items()}
        read["sign_ins"] = tuple(tuple(each) for each in read["sign_ins"])
        return cls(**read)

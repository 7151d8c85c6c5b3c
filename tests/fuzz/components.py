"""Compare the components of a stack before and after a run: restarts, memory and logs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from proctorium_devstack.stack import Stack

MIB = 1024 * 1024
GROWTH_BYTES = 200 * MIB
"""The allowed growth of a component's memory, which includes its caches and pools."""
LOG_BYTES_PER_CALL = 6_000
"""The allowed number of logged bytes per call for all components together; one line has a few hundred bytes."""


@dataclass(frozen=True)
class Components:
    """The process ids, memory and log sizes of a stack's components at one time."""

    pids: dict[str, int | None]
    memory: dict[str, int]
    logged: dict[str, int]

    @classmethod
    def of(cls, stack: Stack) -> Components:
        """Return the current state of the components."""
        pids = {name: status.pid for name, status in stack.state.components.items()}
        memory = {
            name: psutil.Process(pid).memory_info().rss
            for name, pid in pids.items()
            if pid is not None
        }
        logged = {file.stem: file.stat().st_size for file in _logs(stack)}
        return cls(pids, memory, logged)

    def faults_since(self, before: Components, calls: int) -> Iterator[str]:
        """Yield a sentence for each restart, excessive growth in memory and excessive logging since `before`."""
        for name, pid in before.pids.items():
            if self.pids[name] != pid:
                yield f"{name} was restarted"
            elif self.memory[name] - before.memory[name] > GROWTH_BYTES:
                yield f"{name} grew from {before.memory[name] // MIB} to {self.memory[name] // MIB} MiB"
        each = self.logged_since(before) / max(1, calls)
        if each > LOG_BYTES_PER_CALL:
            yield f"the components logged {each:.0f} bytes for each call"

    def logged_since(self, before: Components) -> int:
        """Return the number of bytes that all components have logged since `before`."""
        return sum(self.logged.values()) - sum(before.logged.values())

    def growth(self, before: Components) -> str:
        """Return a text with the memory of each component before and now, in MiB."""
        return ", ".join(
            f"{name} {before.memory[name] // MIB} → {now // MIB}"
            for name, now in self.memory.items()
        )


def errors_logged(stack: Stack, before: Components) -> Iterator[str]:
    """Yield the lines with errors that the components have logged since `before`."""
    for file in _logs(stack):
        with file.open("rb") as log:
            log.seek(before.logged.get(file.stem, 0))
            for line in log:
                try:
                    entry = json.loads(line)
                except ValueError:
                    continue
                if isinstance(entry, dict) and entry.get("level") in {"error", "critical"}:
                    yield f"{file.stem}: {line.decode('utf-8', 'replace')[:1500]}"


def _logs(stack: Stack) -> Iterator[Path]:
    yield from sorted((stack.data_folder.root / "logs").glob("*.log"))

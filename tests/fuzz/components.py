"""Compare the components of a stack before and after a run, to find restarts, growth of memory, and excessive logs."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil

from proctorium_devstack.stack import Stack

MIB = 1024 * 1024
GROWTH_BYTES = 200 * MIB
"""The number of bytes by which the memory of a component may grow. The growth includes caches and pools."""
LOG_BYTES_PER_CALL = 6_000
"""The number of bytes that all components together may log per call. One log line has a few hundred bytes."""


@dataclass(frozen=True)
class Components:
    """The process id, memory and log size of each component of a stack at one time."""

    pids: dict[str, int | None]
    memory: dict[str, int]
    logged: dict[str, int]

    @classmethod
    def of(cls, stack: Stack) -> Components:
        """Return the current values for the components of `stack`."""
        pids = {name: status.pid for name, status in stack.state.components.items()}
        memory = {
            name: psutil.Process(pid).memory_info().rss
            for name, pid in pids.items()
            if pid is not None
        }
        logged = {file.stem: file.stat().st_size for file in _logs(stack)}
        return cls(pids, memory, logged)

    def faults_since(self, before: Components, calls: int) -> Iterator[str]:
        """Yield a sentence for each restart, each excessive growth of memory, and excessive logs since `before`."""
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
        """Return a text that lists the memory of each component in `before` and in this object, in MiB."""
        return ", ".join(
            f"{name} {before.memory[name] // MIB} → {now // MIB}"
            for name, now in self.memory.items()
        )


def errors_logged(stack: Stack, before: Components) -> Iterator[str]:
    """Yield each log line that the components have written since `before` and that contains an error."""
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

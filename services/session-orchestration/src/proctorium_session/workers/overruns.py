"""The worker that records overruns of breaks."""

from __future__ import annotations

from proctorium_common.storage.database import Database
from proctorium_common.telemetry.logs import get_logger
from proctorium_session.operations.breaks import record_overruns

_log = get_logger()


class OverrunWorker:
    """Records the breaks from which learners have not returned in time."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> None:
        """Record the overruns, and log the number of the breaks."""
        overrun = await record_overruns(self._database)
        if overrun:
            _log.info("breaks_overrun", count=overrun)

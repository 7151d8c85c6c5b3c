"""The worker that closes and ends sessions."""

from __future__ import annotations

from proctorium_common.storage.database import Database
from proctorium_common.telemetry.logs import get_logger
from proctorium_session.operations.closing import close_overdue_sessions, end_closed_sessions

_log = get_logger()


class ClosingWorker:
    """Ends the sessions whose countdown is over, and closes sessions automatically after their planned end."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> None:
        """End and close the sessions that are due, and log the number of these sessions."""
        try:
            ended = await end_closed_sessions(self._database)
        finally:
            # The failure of a session that ends must not delay the automatic closing of other sessions.
            overdue = await close_overdue_sessions(self._database)
        if ended or overdue:
            _log.info("sessions_closed", ended=ended, overdue=overdue)

"""The worker that closes, ends and finalises sessions."""

from __future__ import annotations

from proctorium_common.storage.database import Database
from proctorium_common.telemetry.logs import get_logger
from proctorium_session.operations.closing import close_overdue_sessions, end_closed_sessions
from proctorium_session.operations.reopening import finalize_sessions

_log = get_logger()


class ClosingWorker:
    """Ends the sessions whose countdown is over, and closes sessions automatically after their planned end.

    It also finalises the sessions that their proctors can no longer reopen.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> None:
        """End, close and finalise the sessions that are due, and log the number of these sessions."""
        ended = overdue = finalized = 0
        # The failure of a session in one of the steps must not delay the other steps.
        try:
            ended = await end_closed_sessions(self._database)
        finally:
            try:
                overdue = await close_overdue_sessions(self._database)
            finally:
                finalized = await finalize_sessions(self._database)
        if ended or overdue or finalized:
            _log.info("sessions_closed", ended=ended, overdue=overdue, finalized=finalized)

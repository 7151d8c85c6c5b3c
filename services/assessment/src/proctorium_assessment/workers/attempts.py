"""The workers that publish the progress of attempts, and submit attempts after their deadline."""

from __future__ import annotations

from datetime import timedelta

from proctorium_assessment.operations.progress import publish_progress
from proctorium_assessment.operations.submission import submit_overdue
from proctorium_common.storage.database import Database


class AttemptWorkers:
    """The workers of attempts.

    Each run processes all due attempts in batches. Each batch has its own transaction.
    """

    def __init__(
        self, database: Database, *, progress_interval: timedelta, deadline_grace: timedelta
    ) -> None:
        self._database = database
        self._progress_interval = progress_interval
        self._deadline_grace = deadline_grace

    async def publish_progress(self) -> None:
        """Publish the progress of the attempts that have new answers."""
        published = 1
        while published:
            async with self._database.transaction() as tx:
                published = await publish_progress(tx, self._progress_interval)

    async def submit_overdue(self) -> None:
        """Submit the attempts whose deadline has passed."""
        submitted = 1
        while submitted:
            async with self._database.transaction() as tx:
                submitted = await submit_overdue(tx, self._deadline_grace)

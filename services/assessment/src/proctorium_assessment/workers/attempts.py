"""What is due of attempts: progress to tell, time that is over."""

from __future__ import annotations

from datetime import timedelta

from proctorium_assessment.operations import progress, submission
from proctorium_common.storage.database import Database


class AttemptWorkers:
    """Each turn takes what is due in batches, each a transaction of its own, until nothing is."""

    def __init__(
        self, database: Database, *, tell_every: timedelta, deadline_grace: timedelta
    ) -> None:
        self._database = database
        self._tell_every = tell_every
        self._deadline_grace = deadline_grace

    async def tell_progress(self) -> None:
        """Tells of attempts with new answers, each at most once in `tell_every`."""
        told = 1
        while told:
            async with self._database.transaction() as tx:
                told = await progress.tell(tx, self._tell_every)

    async def hand_in_overdue(self) -> None:
        """Hands in attempts whose time is over."""
        handed_in = 1
        while handed_in:
            async with self._database.transaction() as tx:
                handed_in = await submission.hand_in_overdue(tx, self._deadline_grace)

"""The worker that shows the progress of learners through their courses on the rosters."""

from __future__ import annotations

from proctorium_common.storage.database import Database
from proctorium_session.operations.course_progress import show_course_progress


class CourseProgressWorker:
    """Shows the progress of learners through their courses on the rosters."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def run(self) -> None:
        """Show the progress that was stored since the last run."""
        await show_course_progress(self._database)

"""The progress of learners through the courses of their sessions (`S7`).

A handler only stores the progress. A worker then shows it on the rosters, so that each run changes the row of a session
once, no matter how many learners of the session have finished units since the previous run. The progress is not
appended to the session record.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from uuid import UUID

from proctorium_common.storage.database import Database, Transaction
from proctorium_session.operations.changes import Change, save_changes
from proctorium_session.operations.isolation import change_each
from proctorium_session.storage import course_progress, participants, sessions

_MAX_COURSES = 100
"""The maximum number of courses in one run of the worker."""
_MAX_LEARNERS = 500
"""The maximum number of learners of a course in one run of the worker."""


async def show_course_progress(database: Database) -> int:
    """Show the progress that was stored since the last run on the rosters. Return the number of changed courses.

    The failure of one course does not stop the others. Raises an ExceptionGroup after the last course.
    """

    async def list_due(tx: Transaction, tried: Collection[UUID]) -> Sequence[UUID]:
        return await course_progress.list_pending_courses(tx, list(tried), _MAX_COURSES)

    return await change_each(database, list_due, _show_course)


async def _show_course(tx: Transaction, course_id: UUID) -> bool:
    """Increase the revisions of the learners' participants in all sessions of the course that are not over.

    A learner who joins after the participants were listed needs no update: the snapshot with this participant is read
    after the join, and the progress is stored already.
    """
    person_ids = await course_progress.lock_pending_learners(tx, course_id, _MAX_LEARNERS)
    if not person_ids:
        return False
    live = await course_progress.list_live_participants(tx, course_id, person_ids)
    locked = await sessions.lock_sessions(tx, live)
    for session_id, session in locked.items():
        await participants.update_revision(tx, live[session_id], session.next_revision)
    if locked:
        await save_changes(tx, [Change(session, ()) for session in locked.values()])
    await course_progress.set_shown(tx, course_id, person_ids)
    return True

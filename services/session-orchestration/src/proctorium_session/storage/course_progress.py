"""Queries of the progress of learners through courses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from uuid import UUID

from proctorium_common.storage.database import Transaction
from proctorium_session.domain.progress import FinishedUnits

# The rows are written in a fixed order, so that concurrent batches cannot deadlock.
_UPSERT = """
    INSERT INTO course_progress AS stored (course_id, person_id, finished_unit_count, pending)
    SELECT course_id, person_id, count, true
    FROM unnest($1::uuid[], $2::uuid[], $3::integer[]) AS finished (course_id, person_id, count)
    ORDER BY course_id, person_id
    ON CONFLICT (course_id, person_id)
        DO UPDATE SET finished_unit_count = excluded.finished_unit_count, pending = true
        WHERE stored.finished_unit_count < excluded.finished_unit_count
"""

_LIST_PENDING_COURSES = """
    SELECT DISTINCT course_id FROM course_progress
    WHERE pending AND course_id <> ALL($1::uuid[]) ORDER BY course_id LIMIT $2
"""

# A row that another transaction has locked is skipped. Either another replica is processing it, or a newer number is
# being stored, which the next run processes.
_LOCK_PENDING = """
    SELECT person_id FROM course_progress
    WHERE pending AND course_id = $1 ORDER BY person_id LIMIT $2 FOR NO KEY UPDATE SKIP LOCKED
"""

_LIST_LIVE_PARTICIPANTS = """
    SELECT session_id, array_agg(participant_id ORDER BY participant_id) AS participant_ids
    FROM participants JOIN sessions USING (session_id)
    WHERE course_id = $1 AND sessions.state NOT IN ('ended', 'cancelled') AND person_id = ANY($2::uuid[])
    GROUP BY session_id
"""

_SET_SHOWN = """
    UPDATE course_progress SET pending = false WHERE course_id = $1 AND person_id = ANY($2::uuid[])
"""


async def upsert(tx: Transaction, finished: Sequence[FinishedUnits]) -> None:
    """Store numbers of finished units in one statement, unless the same or a greater number is stored.

    No two elements of `finished` may have the same course and learner.
    """
    await tx.fetch(
        _UPSERT,
        [each.course_id for each in finished],
        [each.person_id for each in finished],
        [each.count for each in finished],
    )


async def list_pending_courses(
    tx: Transaction, excluded: Sequence[UUID], limit: int
) -> Sequence[UUID]:
    """Return the ids of at most `limit` courses with progress that the rosters do not show yet."""
    rows = await tx.fetch(_LIST_PENDING_COURSES, excluded, limit)
    return [row["course_id"] for row in rows]


async def lock_pending_learners(tx: Transaction, course_id: UUID, limit: int) -> Sequence[UUID]:
    """Lock the progress in a course that the rosters do not show yet. Return the ids of at most `limit` learners."""
    rows = await tx.fetch(_LOCK_PENDING, course_id, limit)
    return [row["person_id"] for row in rows]


async def list_live_participants(
    tx: Transaction, course_id: UUID, person_ids: Sequence[UUID]
) -> Mapping[UUID, Sequence[UUID]]:
    """Return the learners' participants by the id of the session, in the sessions of the course that are not over."""
    rows = await tx.fetch(_LIST_LIVE_PARTICIPANTS, course_id, person_ids)
    return {row["session_id"]: row["participant_ids"] for row in rows}


async def set_shown(tx: Transaction, course_id: UUID, person_ids: Sequence[UUID]) -> None:
    """Record that the rosters show the progress of these learners. The caller has locked the rows."""
    await tx.fetch(_SET_SHOWN, course_id, person_ids)

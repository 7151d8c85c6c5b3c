"""Sessions and their members in the database.

Most statements are upserts, because events may be delayed, redelivered and reordered.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Row, bindparam, exists, select, text, update
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain.sessions import MemberRole, Session, SessionState
from proctorium_enrollment.storage.tables import session_members as members
from proctorium_enrollment.storage.tables import sessions as table


@dataclass(frozen=True, slots=True)
class Join:
    """A learner who has joined a session of a course."""

    session_id: UUID
    course_id: UUID
    person_id: UUID


_INSERT_MISSING = """
    WITH reported AS (
        SELECT session_id, course_id FROM unnest($1::uuid[], $2::uuid[]) AS reported (session_id, course_id)
        WHERE NOT EXISTS (
            SELECT FROM sessions
            WHERE sessions.session_id = reported.session_id AND sessions.course_id IS NOT NULL
        )
    )
    INSERT INTO sessions AS stored (session_id, state, course_id)
    SELECT session_id, 'scheduled', course_id FROM reported ORDER BY session_id
    ON CONFLICT (session_id) DO UPDATE SET course_id = excluded.course_id
        WHERE stored.course_id IS NULL
"""

# The rows are stored in a fixed order, so that concurrent transactions do not deadlock.
_SET_JOINED = """
    INSERT INTO session_members (session_id, person_id, role, joined, removed)
    SELECT session_id, person_id, 'learner', true, false
    FROM unnest($1::uuid[], $2::uuid[]) AS joined (session_id, person_id)
    ORDER BY session_id, person_id
    ON CONFLICT (session_id, person_id, role) DO UPDATE SET joined = true
"""

_SET_REMOVED = """
    INSERT INTO session_members AS stored (session_id, person_id, role, joined, removed, removal_position)
    VALUES ($1, $2, 'learner', false, $3, $4)
    ON CONFLICT (session_id, person_id, role)
        DO UPDATE SET removed = excluded.removed, removal_position = excluded.removal_position
        WHERE stored.removal_position < excluded.removal_position
"""

_LOCK = select(table).where(table.c.session_id == bindparam("id")).with_for_update(key_share=True)


async def get_session(tx: Transaction, session_id: UUID) -> Session | None:
    """Return the session, or None if it is not stored."""
    row = (await tx.execute(select(table).where(table.c.session_id == session_id))).first()
    return None if row is None else _session(row)


async def lock_session(tx: Transaction, session_id: UUID) -> Session:
    """Lock and return a session. If it is not stored, insert it in the state SCHEDULED first."""
    row = (await tx.execute(_LOCK, {"id": session_id})).first()
    if row is None:
        new = insert(table).values(session_id=session_id, state=SessionState.SCHEDULED)
        await tx.execute(new.on_conflict_do_nothing(constraint="pk_sessions"))
        row = (await tx.execute(_LOCK, {"id": session_id})).one()
    return _session(row)


async def lock_sessions_of_course(tx: Transaction, course_id: UUID) -> None:
    """Lock the sessions and registrations of a course until the transaction ends.

    Scheduling a session of the course and registering a learner in the course both acquire this lock. Without the lock,
    concurrent transactions could miss rows: the scheduling could miss the new registration, and the registering could
    miss the new session.
    """
    await tx.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"),
        {"key": f"sessions of course {course_id}"},
    )


async def list_upcoming_sessions(tx: Transaction, course_id: UUID) -> Sequence[Session]:
    """Return the sessions of the course that are not over and are planned to end in the future."""
    over = [state for state in SessionState if state.is_over]
    rows = await tx.execute(
        select(table)
        .where(
            table.c.course_id == course_id,
            table.c.state.not_in(over),
            table.c.planned_end_at > tx.now,
        )
        .order_by(table.c.session_id)
    )
    return [_session(row) for row in rows]


async def is_learner_of_session(tx: Transaction, session_id: UUID, person_id: UUID) -> bool:
    """Return whether the person is a learner of the session.

    Invited learners, learners who have joined, and removed learners are included.
    """
    rows = await tx.execute(
        select(
            exists().where(
                members.c.session_id == session_id,
                members.c.person_id == person_id,
                members.c.role == MemberRole.LEARNER,
            )
        )
    )
    return rows.scalar_one()


async def update_session_state(tx: Transaction, session_id: UUID, state: SessionState) -> None:
    """Update the state of a session."""
    await tx.execute(update(table).where(table.c.session_id == session_id).values(state=state))


async def update_session_end(
    tx: Transaction, session_id: UUID, state: SessionState, *, position: int
) -> None:
    """Set the state after the session has ended or was reopened. Do nothing if a later event has already set it.

    `position` is the position of the event that reports the end or the reopening.
    """
    await tx.execute(
        update(table)
        .where(table.c.session_id == session_id, table.c.end_position < position)
        .values(state=state, end_position=position)
    )


async def update_session_course(tx: Transaction, session_id: UUID, course_id: UUID) -> None:
    """Update the course of a session."""
    await tx.execute(
        update(table).where(table.c.session_id == session_id).values(course_id=course_id)
    )


async def update_session_times(
    tx: Transaction, session_id: UUID, lobby_open_at: datetime, planned_end_at: datetime
) -> None:
    """Update the times at which the lobby opens and the session is planned to end."""
    await tx.execute(
        update(table)
        .where(table.c.session_id == session_id)
        .values(lobby_open_at=lobby_open_at, planned_end_at=planned_end_at)
    )


async def insert_members(
    tx: Transaction, session_id: UUID, role: MemberRole, person_ids: Collection[UUID]
) -> None:
    """Insert members of a session as not joined. Existing members do not change."""
    rows = [
        {
            "session_id": session_id,
            "person_id": person_id,
            "role": role,
            "joined": False,
            "removed": False,
        }
        for person_id in sorted(person_ids)
    ]
    if rows:
        await tx.execute(insert(members).on_conflict_do_nothing(), rows)


async def insert_missing_sessions(tx: Transaction, courses: Mapping[UUID, UUID]) -> None:
    """Insert the sessions that are not stored, and set the course of the stored sessions that have no course.

    `courses` maps IDs of sessions to IDs of their courses. Rows of sessions that have a course are not locked.
    """
    await tx.fetch(_INSERT_MISSING, list(courses), list(courses.values()))


async def set_joined(tx: Transaction, joins: Sequence[Join]) -> None:
    """Record that learners joined sessions."""
    await tx.fetch(
        _SET_JOINED, [each.session_id for each in joins], [each.person_id for each in joins]
    )


async def set_removed(
    tx: Transaction, session_id: UUID, person_id: UUID, is_removed: bool, *, position: int
) -> None:
    """Store whether a learner is removed, unless the stored value comes from a later event.

    `position` is the position of the event to apply.
    """
    await tx.fetch(_SET_REMOVED, session_id, person_id, is_removed, position)


async def list_learners(tx: Transaction, session_id: UUID) -> tuple[UUID, ...]:
    """Return the IDs of the learners who are invited or have joined, except the removed learners."""
    rows = await tx.execute(
        select(members.c.person_id)
        .where(
            members.c.session_id == session_id,
            members.c.role == MemberRole.LEARNER,
            ~members.c.removed,
        )
        .order_by(members.c.person_id)
    )
    return tuple(rows.scalars())


async def is_proctor_of_session(tx: Transaction, session_id: UUID, person_id: UUID) -> bool:
    """Return whether the person is a proctor of the session."""
    rows = await tx.execute(
        select(members.c.person_id).where(
            members.c.session_id == session_id,
            members.c.person_id == person_id,
            members.c.role == MemberRole.PROCTOR,
        )
    )
    return rows.first() is not None


async def is_in_session_of_course(tx: Transaction, person_id: UUID, course_id: UUID) -> bool:
    """Return whether the learner has joined a session of the course and the session is in progress.

    A session from which the learner was removed does not count.
    """
    rows = await tx.execute(
        select(
            exists().where(
                table.c.course_id == course_id,
                table.c.state == SessionState.IN_PROGRESS,
                members.c.session_id == table.c.session_id,
                members.c.person_id == person_id,
                members.c.role == MemberRole.LEARNER,
                members.c.joined,
                ~members.c.removed,
            )
        )
    )
    return rows.scalar_one()


def _session(row: Row[*tuple[object, ...]]) -> Session:
    return Session(
        session_id=row.session_id,
        state=SessionState(row.state),
        course_id=row.course_id,
        lobby_open_at=row.lobby_open_at,
        planned_end_at=row.planned_end_at,
    )

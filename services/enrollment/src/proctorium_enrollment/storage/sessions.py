"""What enrollment knows of sessions, in the database: upserts, because events come late, doubled and out of order."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Row, bindparam, exists, select, text, update
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain.sessions import Part, Session, SessionState
from proctorium_enrollment.storage.tables import session_members as members
from proctorium_enrollment.storage.tables import sessions as table


@dataclass(frozen=True)
class Join:
    """A learner who has joined a session of a course."""

    session_id: UUID
    course_id: UUID
    person_id: UUID


_INSERT_MISSING = """
    WITH told AS (
        SELECT session_id, course_id FROM unnest($1::uuid[], $2::uuid[]) AS told (session_id, course_id)
        WHERE NOT EXISTS (
            SELECT FROM sessions
            WHERE sessions.session_id = told.session_id AND sessions.course_id IS NOT NULL
        )
    )
    INSERT INTO sessions AS known (session_id, state, course_id)
    SELECT session_id, 'scheduled', course_id FROM told ORDER BY session_id
    ON CONFLICT (session_id) DO UPDATE SET course_id = excluded.course_id
        WHERE known.course_id IS NULL
"""

# One order for all, so that two transactions never wait for each other.
_SET_JOINED = """
    INSERT INTO session_members (session_id, person_id, part, joined, removed)
    SELECT session_id, person_id, 'learner', true, false
    FROM unnest($1::uuid[], $2::uuid[]) AS joined (session_id, person_id)
    ORDER BY session_id, person_id
    ON CONFLICT (session_id, person_id, part) DO UPDATE SET joined = true
"""

_SET_REMOVED = """
    INSERT INTO session_members (session_id, person_id, part, joined, removed)
    VALUES ($1, $2, 'learner', false, true)
    ON CONFLICT (session_id, person_id, part) DO UPDATE SET removed = true
"""

_LOCK = select(table).where(table.c.session_id == bindparam("id")).with_for_update(key_share=True)


async def find(tx: Transaction, session_id: UUID) -> Session | None:
    """The session."""
    row = (await tx.execute(select(table).where(table.c.session_id == session_id))).first()
    return None if row is None else session_of(row)


async def lock(tx: Transaction, session_id: UUID) -> Session:
    """The session, which nobody else changes until the transaction ends; a scheduled one where nothing was known."""
    row = (await tx.execute(_LOCK, {"id": session_id})).first()
    if row is None:
        added = insert(table).values(session_id=session_id, state=SessionState.SCHEDULED.value)
        await tx.execute(added.on_conflict_do_nothing(constraint="pk_sessions"))
        row = (await tx.execute(_LOCK, {"id": session_id})).one()
    return session_of(row)


async def lock_course(tx: Transaction, course_id: UUID) -> None:
    """Keep sessions of the course from being planned, and learners from being registered in it, until the transaction ends.

    Either of the two looks at what the other has written: without the lock, both could miss it.
    """
    await tx.execute(
        text("SELECT pg_advisory_xact_lock(hashtextextended(:key, 0))"),
        {"key": f"sessions of course {course_id}"},
    )


async def list_coming(tx: Transaction, course_id: UUID) -> Sequence[Session]:
    """Return the sessions of the course that are not over and whose planned end is still to come."""
    over = [state.value for state in SessionState if state.over]
    found = await tx.execute(
        select(table)
        .where(
            table.c.course_id == course_id,
            table.c.state.not_in(over),
            table.c.planned_end_at > tx.now,
        )
        .order_by(table.c.session_id)
    )
    return [session_of(row) for row in found]


async def is_learner(tx: Transaction, session_id: UUID, person_id: UUID) -> bool:
    """Return whether the learner is expected in the session, has joined it, or was removed from it."""
    found = await tx.execute(
        select(
            exists().where(
                members.c.session_id == session_id,
                members.c.person_id == person_id,
                members.c.part == Part.LEARNER.value,
            )
        )
    )
    return found.scalar_one()


async def set_state(tx: Transaction, session_id: UUID, state: SessionState) -> None:
    """Sets the state."""
    await tx.execute(
        update(table).where(table.c.session_id == session_id).values(state=state.value)
    )


async def set_course(tx: Transaction, session_id: UUID, course_id: UUID) -> None:
    """Sets the course."""
    await tx.execute(
        update(table).where(table.c.session_id == session_id).values(course_id=course_id)
    )


async def set_times(
    tx: Transaction, session_id: UUID, lobby_open: datetime, planned_end: datetime
) -> None:
    """Sets when the lobby opens and when the session is planned to end."""
    await tx.execute(
        update(table)
        .where(table.c.session_id == session_id)
        .values(lobby_open_at=lobby_open, planned_end_at=planned_end)
    )


async def expect(
    tx: Transaction, session_id: UUID, part: Part, person_ids: Collection[UUID]
) -> None:
    """Notes who is expected; what is known of them stays."""
    rows = [
        {
            "session_id": session_id,
            "person_id": person_id,
            "part": part.value,
            "joined": False,
            "removed": False,
        }
        for person_id in sorted(person_ids)
    ]
    if rows:
        await tx.execute(insert(members).on_conflict_do_nothing(), rows)


async def insert_missing(tx: Transaction, courses: Mapping[UUID, UUID]) -> None:
    """Add sessions that no event was about before, with their courses, and the course of those that lack it.

    Locks no row of a session whose course is known.
    """
    await tx.fetch(_INSERT_MISSING, list(courses), list(courses.values()))


async def set_joined(tx: Transaction, joins: Sequence[Join]) -> None:
    """Note that learners have joined."""
    await tx.fetch(
        _SET_JOINED, [each.session_id for each in joins], [each.person_id for each in joins]
    )


async def set_removed(tx: Transaction, session_id: UUID, person_id: UUID) -> None:
    """Note that a learner was removed, permanently."""
    await tx.fetch(_SET_REMOVED, session_id, person_id)


async def learners(tx: Transaction, session_id: UUID) -> tuple[UUID, ...]:
    """The learners who are expected or have joined, but not those who were removed."""
    found = await tx.execute(
        select(members.c.person_id)
        .where(
            members.c.session_id == session_id,
            members.c.part == Part.LEARNER.value,
            ~members.c.removed,
        )
        .order_by(members.c.person_id)
    )
    return tuple(found.scalars())


async def is_proctor(tx: Transaction, session_id: UUID, person_id: UUID) -> bool:
    """Whether the person supervises the session."""
    found = await tx.execute(
        select(members.c.person_id).where(
            members.c.session_id == session_id,
            members.c.person_id == person_id,
            members.c.part == Part.PROCTOR.value,
        )
    )
    return found.first() is not None


async def is_in_session(tx: Transaction, person_id: UUID, course_id: UUID) -> bool:
    """Whether the learner has joined, and was not removed from, a session of the course that is in progress."""
    found = await tx.execute(
        select(
            exists().where(
                table.c.course_id == course_id,
                table.c.state == SessionState.IN_PROGRESS.value,
                members.c.session_id == table.c.session_id,
                members.c.person_id == person_id,
                members.c.part == Part.LEARNER.value,
                members.c.joined,
                ~members.c.removed,
            )
        )
    )
    return found.scalar_one()


def session_of(row: Row[*tuple[object, ...]]) -> Session:
    """The session that a row with all columns of `sessions` holds."""
    return Session(
        session_id=row.session_id,
        state=SessionState(row.state),
        course_id=row.course_id,
        lobby_open_time=row.lobby_open_at,
        planned_end_time=row.planned_end_at,
    )

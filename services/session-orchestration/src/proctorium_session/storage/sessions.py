"""Queries of sessions with their proctors and invited learners."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any
from uuid import UUID

from asyncpg import Record
from sqlalchemy import (
    ColumnElement,
    Select,
    exists,
    func,
    insert,
    or_,
    select,
    tuple_,
)

from proctorium_common.storage.database import Transaction
from proctorium_session.domain.breaks import BreakPolicy
from proctorium_session.domain.coverage import Coverage
from proctorium_session.domain.identity import IdentityPolicy
from proctorium_session.domain.outages import DisconnectPolicy
from proctorium_session.domain.record import Head
from proctorium_session.domain.session_states import SessionState
from proctorium_session.domain.sessions import (
    ActingRole,
    Actor,
    Closing,
    LateEntry,
    Pause,
    Plan,
    Session,
)
from proctorium_session.storage.proctors import insert_proctors
from proctorium_session.storage.tables import (
    participants,
    session_learners,
    session_proctors,
    sessions,
)

_OVER = (SessionState.ENDED.value, SessionState.CANCELLED.value)


@dataclass(frozen=True, slots=True)
class SessionFilter:
    """The sessions to list.

    If `all` is true, the list contains all sessions. Otherwise, it contains the sessions with `proctor_id` as a proctor
    or `learner_id` as a learner.
    """

    proctor_id: UUID | None = None
    learner_id: UUID | None = None
    all: bool = False


async def insert_session(tx: Transaction, session: Session, learner_ids: Sequence[UUID]) -> None:
    """Insert a session with its proctors and invited learners."""
    await tx.execute(
        insert(sessions).values(**_plan_columns(session), **_changeable_columns(session))
    )
    await insert_proctors(tx, session.session_id, session.plan.proctor_ids)
    if learner_ids:
        await insert_invited_learners(tx, session.session_id, learner_ids)


async def insert_invited_learners(
    tx: Transaction, session_id: UUID, person_ids: Sequence[UUID]
) -> None:
    """Insert invited learners of a session. Skips learners who are already invited. `person_ids` must not be empty."""
    await tx.execute(
        insert(session_learners),
        [{"session_id": session_id, "person_id": each} for each in person_ids],
    )


async def get_session(tx: Transaction, session_id: UUID) -> Session | None:
    """Return the session, or None if it does not exist."""
    row = (await tx.execute(select_sessions().where(sessions.c.session_id == session_id))).first()
    return session_from_row(row._mapping) if row else None


async def lock_session(tx: Transaction, session_id: UUID) -> Session | None:
    """Lock and return the session, or None if it does not exist.

    Every change of a session locks the session's row first.
    """
    return (await lock_sessions(tx, [session_id])).get(session_id)


async def lock_sessions(tx: Transaction, session_ids: Collection[UUID]) -> dict[UUID, Session]:
    """Lock the rows of sessions, and return the sessions by id. The result omits unknown ids."""
    if not session_ids:
        return {}
    rows = await tx.fetch(_LOCK, list(session_ids))
    locked = {row["session_id"]: session_from_row(row) for row in rows}
    outdated = [row["session_id"] for row in rows if row["has_outdated_proctors"]]
    if outdated:
        for row in await tx.fetch(_GET_PROCTORS, outdated):
            session = locked[row["session_id"]]
            plan = replace(session.plan, proctor_ids=tuple(row["proctor_ids"]))
            locked[session.session_id] = replace(session, plan=plan)
    return locked


async def list_invited_learner_ids(tx: Transaction, session_id: UUID) -> tuple[UUID, ...]:
    """Return the ids of the session's invited learners."""
    statement = (
        select(session_learners.c.person_id)
        .where(session_learners.c.session_id == session_id)
        .order_by(session_learners.c.person_id)
    )
    return tuple((await tx.execute(statement)).scalars())


async def is_invited(tx: Transaction, session_id: UUID, person_id: UUID) -> bool:
    """Return whether the person is an invited learner of the session."""
    statement = select(
        exists().where(
            session_learners.c.session_id == session_id, session_learners.c.person_id == person_id
        )
    )
    return bool((await tx.execute(statement)).scalar_one())


async def list_absent_learner_ids(tx: Transaction, session_id: UUID) -> tuple[UUID, ...]:
    """Return the ids of the invited learners who have not joined."""
    statement = (
        select(session_learners.c.person_id)
        .where(
            session_learners.c.session_id == session_id,
            ~exists().where(
                participants.c.session_id == session_id,
                participants.c.person_id == session_learners.c.person_id,
            ),
        )
        .order_by(session_learners.c.person_id)
    )
    return tuple((await tx.execute(statement)).scalars())


async def count_absent_learners(tx: Transaction, session_id: UUID) -> int:
    """Return the number of invited learners who have not joined."""
    (row,) = await tx.fetch(_COUNT_ABSENT, session_id)
    return int(row["absent"])


async def list_due_lobbies(
    tx: Transaction, excluded: Collection[UUID], limit: int
) -> Sequence[UUID]:
    """Return the ids of at most `limit` sessions whose lobby is due. The earliest opening time is first.

    The sessions in `excluded` are omitted.
    """
    statement = (
        select(sessions.c.session_id)
        .where(
            sessions.c.state == SessionState.SCHEDULED.value,
            sessions.c.lobby_open_time <= tx.now,
            sessions.c.session_id.not_in(excluded),
        )
        .order_by(sessions.c.lobby_open_time)
        .limit(limit)
    )
    return (await tx.execute(statement)).scalars().all()


async def list_sessions(
    tx: Transaction,
    session_filter: SessionFilter,
    *,
    live_only: bool,
    after: tuple[datetime, UUID] | None,
    limit: int,
) -> list[Session]:
    """Return at most `limit` sessions, ordered by start time and id.

    If `after` is not None, the list starts after the session with this time and id.
    """
    statement = (
        select_sessions().order_by(sessions.c.start_time, sessions.c.session_id).limit(limit)
    )
    if not session_filter.all:
        statement = statement.where(_matches(session_filter))
    if live_only:
        statement = statement.where(sessions.c.state.not_in(_OVER))
    if after is not None:
        statement = statement.where(
            tuple_(sessions.c.start_time, sessions.c.session_id) > tuple_(*after)
        )
    return [session_from_row(row._mapping) for row in await tx.execute(statement)]


async def list_invited_learner_ids_of_sessions(
    tx: Transaction, session_ids: Sequence[UUID]
) -> dict[UUID, tuple[UUID, ...]]:
    """Return the ids of the invited learners of several sessions, by the id of the session."""
    if not session_ids:
        return {}
    statement = (
        select(session_learners.c.session_id, func.array_agg(session_learners.c.person_id))
        .where(session_learners.c.session_id.in_(session_ids))
        .group_by(session_learners.c.session_id)
    )
    return {row[0]: tuple(sorted(row[1])) for row in await tx.execute(statement)}


def _matches(session_filter: SessionFilter) -> ColumnElement[bool]:
    takes_part = [
        exists().where(
            table.c.session_id == sessions.c.session_id,
            table.c.person_id == session_filter.learner_id,
        )
        for table in (session_learners, participants)
    ]
    supervises = exists().where(
        session_proctors.c.session_id == sessions.c.session_id,
        session_proctors.c.proctor_id == session_filter.proctor_id,
    )
    return or_(supervises, *takes_part)


def select_sessions() -> Select[Any]:
    """Return a statement that selects sessions with the ids of their proctors."""
    proctors = (
        select(session_proctors.c.proctor_id)
        .where(session_proctors.c.session_id == sessions.c.session_id)
        .order_by(session_proctors.c.ordinal)
        .scalar_subquery()
    )
    return select(sessions, func.array(proctors).label("proctor_ids"))


# The rows are locked in a fixed order, so that concurrent transactions do not deadlock. NO KEY lets other transactions
# insert rows that reference the session, such as the leases of proctors, without waiting for the lock.
#
# If the statement waits for a lock, it returns the newest version of the session's row, but its subqueries still read
# the rows that were committed before the statement started. `proctor_ids` can then have the proctors before a change
# for which the statement waited. Every change of the proctors increases `session_revision`, so the revision that a
# subquery reads shows whether this can have happened:
# https://www.postgresql.org/docs/current/transaction-iso.html#XACT-READ-COMMITTED
_LOCK = """
    SELECT session_id, course_id, assessment_ids, title, start_time, duration, capacity, lobby_lead, late_entry,
        late_entry_limit, identity_policy, uncovered_after, closing_countdown, auto_close_after, break_count,
        break_length, break_total, break_stops_clock, questions_shown_while_paused, returned_limit,
        return_requires_approval, return_approval_grace, state,
        lobby_open_time, actual_start_time, end_time,
        ended_by, participant_count, announcement_count, message_revision, revision, session_revision, record_number,
        record_hash, present_ids, absent_at, uncovered_at, coverage_revision, pause_id, paused_at, pause_reason,
        closing_end_at, closed_by, closed_by_role, late_end, overdue_at, closing_cancelled_at, reopen_window,
        reopen_until, course_unit_count,
        array(
            SELECT proctor_id FROM session_proctors
            WHERE session_proctors.session_id = sessions.session_id ORDER BY ordinal
        ) AS proctor_ids,
        session_revision IS DISTINCT FROM (
            SELECT seen.session_revision FROM sessions AS seen WHERE seen.session_id = sessions.session_id
        ) AS has_outdated_proctors
    FROM sessions WHERE session_id = ANY($1::uuid[]) ORDER BY session_id FOR NO KEY UPDATE OF sessions
"""

_GET_PROCTORS = """
    SELECT session_id, array_agg(proctor_id ORDER BY ordinal) AS proctor_ids
    FROM session_proctors WHERE session_id = ANY($1::uuid[]) GROUP BY session_id
"""

_COUNT_ABSENT = """
    SELECT count(*) AS absent FROM session_learners AS invited
    WHERE invited.session_id = $1 AND NOT EXISTS (
        SELECT FROM participants AS joined
        WHERE joined.session_id = $1 AND joined.person_id = invited.person_id
    )
"""


def _plan_columns(session: Session) -> dict[str, object]:
    plan = session.plan
    return {
        "session_id": session.session_id,
        "course_id": plan.course_id,
        "assessment_ids": list(plan.assessment_ids),
        "title": plan.title,
        "start_time": plan.start_time,
        "duration": plan.duration,
        "capacity": plan.capacity,
        "lobby_lead": plan.lobby_lead,
        "late_entry": plan.late_entry.value,
        "late_entry_limit": plan.late_entry_limit,
        "identity_policy": plan.identity_policy.value,
        "uncovered_after": plan.uncovered_after,
        "closing_countdown": plan.closing_countdown,
        "auto_close_after": plan.auto_close_after,
        "reopen_window": plan.reopen_window,
        "break_count": plan.break_policy.count,
        "break_length": plan.break_policy.length,
        "break_total": plan.break_policy.total,
        "break_stops_clock": plan.break_policy.clock_stops,
        "questions_shown_while_paused": plan.questions_shown_while_paused,
        "returned_limit": plan.disconnect_policy.returned_limit,
        "return_requires_approval": plan.disconnect_policy.requires_approval,
        "return_approval_grace": plan.disconnect_policy.approval_grace,
        "course_unit_count": session.course_unit_count,
    }


def _changeable_columns(session: Session) -> dict[str, object]:
    return {
        "state": session.state.value,
        "lobby_open_time": session.lobby_open_time,
        "actual_start_time": session.actual_start_time,
        "end_time": session.end_time,
        "ended_by": session.ended_by,
        "revision": session.revision,
        "session_revision": session.session_revision,
        "record_number": session.head.number,
        "record_hash": session.head.hash,
    }


def session_from_row(row: Mapping[str, Any] | Record) -> Session:
    """Return the session from a row with the columns of `sessions` and the ids of the proctors."""
    plan = Plan(
        course_id=row["course_id"],
        assessment_ids=tuple(row["assessment_ids"]),
        title=row["title"],
        start_time=row["start_time"],
        duration=row["duration"],
        proctor_ids=tuple(row["proctor_ids"]),
        capacity=row["capacity"],
        lobby_lead=row["lobby_lead"],
        late_entry=LateEntry(row["late_entry"]),
        late_entry_limit=row["late_entry_limit"],
        identity_policy=IdentityPolicy(row["identity_policy"]),
        uncovered_after=row["uncovered_after"],
        closing_countdown=row["closing_countdown"],
        auto_close_after=row["auto_close_after"],
        reopen_window=row["reopen_window"],
        break_policy=BreakPolicy(
            count=row["break_count"],
            length=row["break_length"],
            total=row["break_total"],
            clock_stops=row["break_stops_clock"],
        ),
        questions_shown_while_paused=row["questions_shown_while_paused"],
        disconnect_policy=DisconnectPolicy(
            returned_limit=row["returned_limit"],
            requires_approval=row["return_requires_approval"],
            approval_grace=row["return_approval_grace"],
        ),
    )
    return Session(
        session_id=row["session_id"],
        plan=plan,
        state=SessionState(row["state"]),
        lobby_open_time=row["lobby_open_time"],
        actual_start_time=row["actual_start_time"],
        end_time=row["end_time"],
        ended_by=row["ended_by"],
        participant_count=row["participant_count"],
        announcement_count=row["announcement_count"],
        message_revision=row["message_revision"],
        revision=row["revision"],
        session_revision=row["session_revision"],
        head=Head(row["record_number"], row["record_hash"]),
        coverage=Coverage(
            present_ids=tuple(row["present_ids"]),
            absent_at=row["absent_at"],
            uncovered_at=row["uncovered_at"],
            revision=row["coverage_revision"],
        ),
        pause=pause_from_row(row),
        closing=_closing(row),
        late_end=row["late_end"],
        overdue_at=row["overdue_at"],
        closing_cancelled_at=row["closing_cancelled_at"],
        reopen_until=row["reopen_until"],
        course_unit_count=row["course_unit_count"],
    )


def _closing(row: Mapping[str, Any] | Record) -> Closing | None:
    if row["closing_end_at"] is None:
        return None
    if row["closed_by"] is None:
        return Closing(row["closing_end_at"], None)
    return Closing(
        row["closing_end_at"], Actor(row["closed_by"], ActingRole(row["closed_by_role"]))
    )


def pause_from_row(row: Mapping[str, Any] | Record) -> Pause | None:
    """Return the open pause in a row of `sessions` or `participants`, or None if there is none."""
    if row["pause_id"] is None:
        return None
    return Pause(row["pause_id"], row["paused_at"], row["pause_reason"])

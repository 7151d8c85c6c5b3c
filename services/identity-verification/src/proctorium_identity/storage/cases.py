"""Queries of the cases. Each returned case contains the kinds of its current images."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Row, Select, Text, func, select, update
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.storage.database import Transaction
from proctorium_identity.domain.cases import UNDECIDED, ActingRole, Case, CaseKind, CaseState
from proctorium_identity.domain.evidence import EvidenceKind
from proctorium_identity.storage.tables import cases, evidence

_KINDS = func.array(
    select(evidence.c.kind)
    .where(evidence.c.case_id == cases.c.case_id, evidence.c.superseded_at.is_(None))
    .correlate(cases)
    .scalar_subquery(),
    type_=ARRAY(Text),
).label("kinds")


async def insert_case(
    tx: Transaction, case: Case, encrypted_key: bytes, opened_at: datetime
) -> bool:
    """Insert the case and return True, or return False if the learner already has a case in the session."""
    rows = await tx.execute(
        insert(cases)
        .values(
            case_id=case.case_id,
            session_id=case.session_id,
            participant_id=case.participant_id,
            person_id=case.person_id,
            state=case.state,
            encrypted_key=encrypted_key,
            opened_at=opened_at,
        )
        .on_conflict_do_nothing(index_elements=[cases.c.session_id, cases.c.person_id])
        .returning(cases.c.case_id)
    )
    return rows.first() is not None


async def get_case(tx: Transaction, case_id: UUID) -> Case | None:
    """Return the case, or None if it does not exist."""
    return await _get(tx, _where(cases.c.case_id == case_id))


async def get_case_of_learner(tx: Transaction, session_id: UUID, person_id: UUID) -> Case | None:
    """Return the case of a learner in a session, or None if the learner has no case."""
    return await _get(tx, _where(cases.c.session_id == session_id, cases.c.person_id == person_id))


async def lock_case(tx: Transaction, case_id: UUID) -> Case | None:
    """Lock the row of the case and return the case, or None if it does not exist.

    The kinds of the current images are read after the row is locked.
    """
    statement = select(cases.c.case_id).where(cases.c.case_id == case_id).with_for_update()
    if (await tx.execute(statement)).first() is None:
        return None
    return await get_case(tx, case_id)


async def lock_undecided_cases(tx: Transaction, session_id: UUID) -> Sequence[Case]:
    """Lock and return the undecided cases of a session, in the order of the case ids."""
    return await _lock_cases(tx, cases.c.session_id == session_id, UNDECIDED)


async def lock_expired_cases(tx: Transaction, session_id: UUID) -> Sequence[Case]:
    """Lock and return the expired cases of a session, in the order of the case ids."""
    return await _lock_cases(tx, cases.c.session_id == session_id, {CaseState.EXPIRED})


async def lock_cases_that_need_images(tx: Transaction, person_id: UUID) -> Sequence[Case]:
    """Lock and return the cases of a person that wait for images, in the order of the case ids."""
    waiting = {CaseState.REQUESTED, CaseState.RESUBMISSION_REQUESTED}
    return await _lock_cases(tx, cases.c.person_id == person_id, waiting)


async def _lock_cases(
    tx: Transaction, condition: ColumnElement[bool], states: Collection[CaseState]
) -> Sequence[Case]:
    statement = (
        select(cases.c.case_id)
        .where(condition, cases.c.state.in_(states))
        .order_by(cases.c.case_id)
        .with_for_update()
    )
    ids = (await tx.execute(statement)).scalars().all()
    rows = await tx.execute(_where(cases.c.case_id.in_(ids)).order_by(cases.c.case_id))
    return [_case(row) for row in rows]


async def list_submitted_cases(tx: Transaction, session_id: UUID) -> Sequence[Case]:
    """Return the cases of a session that wait for a decision. The case that has waited longest is first."""
    rows = await tx.execute(
        _where(cases.c.session_id == session_id, cases.c.state == CaseState.SUBMITTED).order_by(
            cases.c.submitted_at, cases.c.case_id
        )
    )
    return [_case(row) for row in rows]


@dataclass(frozen=True, slots=True)
class WaitingCases:
    """The number of cases that wait for a decision, and the waiting time of the case that has waited longest."""

    cases: int
    longest_wait: timedelta


async def get_waiting_cases(tx: Transaction) -> WaitingCases:
    """Return the numbers of the waiting cases of all sessions."""
    rows = await tx.execute(
        select(func.count(), func.min(cases.c.submitted_at)).where(
            cases.c.state == CaseState.SUBMITTED
        )
    )
    count, first = rows.one()
    return WaitingCases(count, timedelta() if first is None else max(tx.now - first, timedelta()))


async def get_encrypted_key(tx: Transaction, case_id: UUID) -> bytes:
    """Return the key of the case's images, encrypted with the master key."""
    rows = await tx.execute(select(cases.c.encrypted_key).where(cases.c.case_id == case_id))
    encrypted_key: bytes = rows.scalar_one()
    return encrypted_key


async def update_case(tx: Transaction, case: Case) -> None:
    """Update the state and the kind of a case, and the columns of its submission and decision."""
    await tx.execute(
        update(cases)
        .where(cases.c.case_id == case.case_id)
        .values(
            state=case.state,
            submitted_at=case.submitted_at,
            decided_by=case.decided_by,
            decided_as=case.decided_as,
            decided_at=case.decided_at,
            decision_reason=case.decision_reason,
            expired_from=case.expired_from,
            kind=case.kind,
        )
    )


def _where(*conditions: ColumnElement[bool]) -> Select[*tuple[object, ...]]:
    return select(cases, _KINDS).where(*conditions)


async def _get(tx: Transaction, query: Select[*tuple[object, ...]]) -> Case | None:
    row = (await tx.execute(query)).first()
    return None if row is None else _case(row)


def _case(row: Row[*tuple[object, ...]]) -> Case:
    return Case(
        case_id=row.case_id,
        session_id=row.session_id,
        participant_id=row.participant_id,
        person_id=row.person_id,
        state=CaseState(row.state),
        evidence=frozenset(EvidenceKind(kind) for kind in row.kinds),
        submitted_at=row.submitted_at,
        decided_by=row.decided_by,
        decided_as=ActingRole(row.decided_as) if row.decided_as else None,
        decided_at=row.decided_at,
        decision_reason=row.decision_reason,
        expired_from=CaseState(row.expired_from) if row.expired_from else None,
        kind=CaseKind(row.kind),
    )

"""Cases in the database."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from sqlalchemy import ARRAY, ColumnElement, Row, Select, Text, func, select, update
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.storage.database import Transaction
from proctorium_identity.domain.cases import OPEN, WAITING, ActingRole, Case, CaseState
from proctorium_identity.domain.evidence import EvidenceKind
from proctorium_identity.storage.tables import cases, evidence

_KINDS = func.array(
    select(evidence.c.kind)
    .where(evidence.c.case_id == cases.c.case_id, evidence.c.superseded_at.is_(None))
    .correlate(cases)
    .scalar_subquery(),
    type_=ARRAY(Text),
).label("kinds")


async def add_case(tx: Transaction, case: Case, wrapped_key: bytes, opened_at: datetime) -> bool:
    """Adds the case; False where the learner has one in this session already."""
    added = await tx.execute(
        insert(cases)
        .values(
            case_id=case.case_id,
            session_id=case.session_id,
            participant_id=case.participant_id,
            person_id=case.person_id,
            state=case.state,
            wrapped_key=wrapped_key,
            opened_at=opened_at,
        )
        .on_conflict_do_nothing(index_elements=[cases.c.session_id, cases.c.person_id])
        .returning(cases.c.case_id)
    )
    return added.first() is not None


async def find_case(tx: Transaction, case_id: UUID) -> Case | None:
    """The case, or None."""
    return await _one(tx, _where(cases.c.case_id == case_id))


async def find_case_of(tx: Transaction, session_id: UUID, person_id: UUID) -> Case | None:
    """The case of a learner in a session, or None."""
    return await _one(tx, _where(cases.c.session_id == session_id, cases.c.person_id == person_id))


async def lock_case(tx: Transaction, case_id: UUID) -> Case | None:
    """The case, locked until the transaction ends, or None. Its pictures are those at the time the lock was had."""
    locking = select(cases.c.case_id).where(cases.c.case_id == case_id).with_for_update()
    if (await tx.execute(locking)).first() is None:
        return None
    return await find_case(tx, case_id)


async def lock_open_cases(
    tx: Transaction, session_id: UUID, participant_id: UUID | None = None
) -> Sequence[Case]:
    """Lock the undecided cases of a session, or of one participant in it, in the order of their ids."""
    locking = (
        select(cases.c.case_id)
        .where(cases.c.session_id == session_id, cases.c.state.in_(OPEN))
        .order_by(cases.c.case_id)
        .with_for_update()
    )
    if participant_id is not None:
        locking = locking.where(cases.c.participant_id == participant_id)
    ids = (await tx.execute(locking)).scalars().all()
    found = await tx.execute(_where(cases.c.case_id.in_(ids)).order_by(cases.c.case_id))
    return [_case(row) for row in found]


async def waiting_cases(tx: Transaction, session_id: UUID) -> Sequence[Case]:
    """The cases of a session that wait for a decision, longest wait first."""
    found = await tx.execute(
        _where(cases.c.session_id == session_id, cases.c.state.in_(WAITING)).order_by(
            cases.c.submitted_at, cases.c.case_id
        )
    )
    return [_case(row) for row in found]


async def wrapped_key_of(tx: Transaction, case_id: UUID) -> bytes:
    """The wrapped key of the case's pictures."""
    found = await tx.execute(select(cases.c.wrapped_key).where(cases.c.case_id == case_id))
    wrapped: bytes = found.scalar_one()
    return wrapped


async def save_case(tx: Transaction, case: Case) -> None:
    """Writes what can change about a case."""
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
        )
    )


def _where(*conditions: ColumnElement[bool]) -> Select[*tuple[object, ...]]:
    return select(cases, _KINDS).where(*conditions)


async def _one(tx: Transaction, query: Select[*tuple[object, ...]]) -> Case | None:
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
    )

"""Codes and redemptions in the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import Row, and_, exists, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain.codes import Code, CodeState, Learner
from proctorium_enrollment.domain.sessions import Session
from proctorium_enrollment.storage.sessions import session_of
from proctorium_enrollment.storage.tables import codes as table
from proctorium_enrollment.storage.tables import redemptions, registrations, sessions

_SHOWN = 200


@dataclass(frozen=True)
class KeptCode:
    """A code with its sealed text."""

    code: Code
    sealed_text: bytes


async def add(
    tx: Transaction,
    kept: KeptCode,
    lookup: bytes,
    *,
    automatic: bool = False,
    replaces: UUID | None = None,
) -> bool:
    """Adds a code; False when another has its text, or the session has an automatic one."""
    code = kept.code
    added = insert(table).values(
        code_id=code.code_id,
        session_id=code.session_id,
        person_id=code.person_id,
        lookup=lookup,
        sealed_text=kept.sealed_text,
        state=code.state.value,
        valid_from=code.valid_from,
        valid_until=code.valid_until,
        automatic=automatic,
        replaces_code_id=replaces,
        created_at=tx.now,
    )
    result = await tx.execute(added.on_conflict_do_nothing().returning(table.c.code_id))
    return result.first() is not None


async def has_automatic(tx: Transaction, session_id: UUID) -> bool:
    """Whether the session has the code that is issued by itself."""
    found = await tx.execute(
        select(exists().where(table.c.session_id == session_id, table.c.automatic))
    )
    return found.scalar_one()


async def find(tx: Transaction, code_id: UUID) -> KeptCode | None:
    """The code."""
    row = (await tx.execute(select(table).where(table.c.code_id == code_id))).first()
    return None if row is None else _kept(row)


async def lock(tx: Transaction, code_id: UUID) -> KeptCode | None:
    """The code, which nobody else changes or redeems until the transaction ends."""
    found = await tx.execute(
        select(table).where(table.c.code_id == code_id).with_for_update(key_share=True)
    )
    row = found.first()
    return None if row is None else _kept(row)


async def set_state(tx: Transaction, code_id: UUID, state: CodeState) -> None:
    """Sets the state."""
    await tx.execute(update(table).where(table.c.code_id == code_id).values(state=state.value))


async def newest(tx: Transaction, session_id: UUID) -> Sequence[KeptCode]:
    """The codes of the session, newest first."""
    found = await tx.execute(
        select(table)
        .where(table.c.session_id == session_id)
        .order_by(table.c.created_at.desc(), table.c.code_id.desc())
        .limit(_SHOWN)
    )
    return [_kept(row) for row in found]


async def find_for(
    tx: Transaction, lookup: bytes, person_id: UUID
) -> tuple[Code, Session, Learner] | None:
    """The code with this mark, its session, and how the person stands to it. The code stays as it is until the transaction ends."""
    registered = exists().where(
        registrations.c.person_id == literal(person_id),
        registrations.c.course_id == sessions.c.course_id,
    )
    redeemed = exists().where(
        redemptions.c.person_id == literal(person_id),
        redemptions.c.session_id == table.c.session_id,
    )
    found = await tx.execute(
        select(
            table.c.code_id,
            table.c.person_id,
            table.c.state.label("code_state"),
            table.c.valid_from,
            table.c.valid_until,
            *sessions.c,
            registered.label("registered"),
            redeemed.label("redeemed"),
        )
        .join_from(table, sessions, and_(sessions.c.session_id == table.c.session_id))
        .where(table.c.lookup == lookup)
        .with_for_update(read=True, of=table)
    )
    row = found.first()
    if row is None:
        return None
    code = Code(
        row.code_id,
        row.session_id,
        row.person_id,
        CodeState(row.code_state),
        row.valid_from,
        row.valid_until,
    )
    return code, session_of(row), Learner(person_id, row.registered, row.redeemed)


async def add_redemption(tx: Transaction, code: Code, person_id: UUID) -> None:
    """Notes that the person was admitted to the code's session, unless they were before."""
    await tx.execute(
        insert(redemptions)
        .values(
            session_id=code.session_id,
            person_id=person_id,
            code_id=code.code_id,
            redeemed_at=tx.now,
        )
        .on_conflict_do_nothing(constraint="pk_redemptions")
    )


def _kept(row: Row[*tuple[object, ...]]) -> KeptCode:
    code = Code(
        row.code_id,
        row.session_id,
        row.person_id,
        CodeState(row.state),
        row.valid_from,
        row.valid_until,
    )
    return KeptCode(code, row.sealed_text)

"""Codes and redemptions in the database."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import (
    ARRAY,
    DateTime,
    LargeBinary,
    Row,
    Uuid,
    bindparam,
    column,
    exists,
    func,
    or_,
    select,
    text,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain.codes import Code, CodeState, Learner, Window
from proctorium_enrollment.domain.sessions import Session, SessionState
from proctorium_enrollment.storage.sessions import session_of
from proctorium_enrollment.storage.tables import codes as table
from proctorium_enrollment.storage.tables import redemptions, registrations, sessions

_SHOWN = 200
_OPEN_END = datetime(9999, 1, 1, tzinfo=UTC)
"""Stored as the end of a code without a window: the release before this one reads no other sign of it."""


@dataclass(frozen=True)
class KeptCode:
    """A code with its sealed text."""

    code: Code
    encrypted_text: bytes


@dataclass(frozen=True)
class Lookups:
    """Blind indexes of a code's text: of the text itself, and of what it shares with texts that differ only in case."""

    exact: bytes
    folded: bytes


async def add(
    tx: Transaction,
    kept: KeptCode,
    lookups: Lookups,
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
        lookup=lookups.exact,
        folded_lookup=lookups.folded,
        encrypted_text=kept.encrypted_text,
        state=code.state.value,
        own_window=code.window is not None,
        valid_from=code.window.valid_from if code.window else tx.now,
        valid_until=code.window.valid_until if code.window else _OPEN_END,
        automatic=automatic,
        replaces_code_id=replaces,
        created_at=tx.now,
    )
    result = await tx.execute(added.on_conflict_do_nothing().returning(table.c.code_id))
    return result.first() is not None


async def has_live_folded(tx: Transaction, folded: bytes) -> bool:
    """Return whether a code that can be redeemed now or later has this folded blind index."""
    over = [state.value for state in SessionState if state.over]
    found = await tx.execute(
        select(
            exists().where(
                table.c.folded_lookup == folded,
                table.c.state == CodeState.ACTIVE.value,
                or_(~table.c.own_window, table.c.valid_until > tx.now),
                sessions.c.session_id == table.c.session_id,
                sessions.c.state.not_in(over),
            )
        )
    )
    return found.scalar_one()


async def has_automatic(tx: Transaction, session_id: UUID) -> bool:
    """Whether the session has the code that is issued by itself."""
    found = await tx.execute(
        select(exists().where(table.c.session_id == session_id, table.c.automatic))
    )
    return found.scalar_one()


async def lock_shared(tx: Transaction, session_id: UUID) -> Code | None:
    """Return the newest shared code of the session that is valid as long as the session, locked until the transaction ends."""
    found = await tx.execute(
        select(table)
        .where(
            table.c.session_id == session_id,
            table.c.person_id.is_(None),
            table.c.state == CodeState.ACTIVE.value,
            ~table.c.own_window,
        )
        .order_by(table.c.created_at.desc(), table.c.code_id.desc())
        .limit(1)
        .with_for_update(key_share=True)
    )
    row = found.first()
    return None if row is None else _kept(row).code


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


@dataclass(frozen=True)
class Asking:
    """Somebody who typed a text with this mark."""

    lookup: bytes
    person_id: UUID


@dataclass(frozen=True)
class Found:
    """A code, its session, and how the person who typed it stands to it."""

    code: Code
    session: Session
    learner: Learner


_asked = (
    func.unnest(
        bindparam("lookups", type_=ARRAY(LargeBinary)), bindparam("person_ids", type_=ARRAY(Uuid))
    )
    .table_valued(column("lookup", LargeBinary), column("person_id", Uuid))
    .render_derived("asked")
)

_FIND_FOR = (
    select(
        _asked.c.lookup.label("asked_lookup"),
        _asked.c.person_id.label("asked_person_id"),
        table.c.code_id,
        table.c.person_id,
        table.c.state.label("code_state"),
        table.c.own_window,
        table.c.valid_from,
        table.c.valid_until,
        *sessions.c,
        exists()
        .where(
            registrations.c.person_id == _asked.c.person_id,
            registrations.c.course_id == sessions.c.course_id,
        )
        .label("registered"),
        exists()
        .where(
            redemptions.c.person_id == _asked.c.person_id,
            redemptions.c.session_id == table.c.session_id,
        )
        .label("redeemed"),
    )
    .join_from(_asked, table, table.c.lookup == _asked.c.lookup)
    .join(sessions, sessions.c.session_id == table.c.session_id)
    .with_for_update(read=True, of=table)
)


async def find_for(tx: Transaction, asking: Sequence[Asking]) -> Mapping[Asking, Found]:
    """What those who typed a code's text have found. The codes stay as they are until the transaction ends."""
    rows = await tx.execute(
        _FIND_FOR,
        {
            "lookups": [each.lookup for each in asking],
            "person_ids": [each.person_id for each in asking],
        },
    )
    return {Asking(row.asked_lookup, row.asked_person_id): _found(row) for row in rows}


def _found(row: Row[*tuple[object, ...]]) -> Found:
    code = Code(
        row.code_id,
        row.session_id,
        row.person_id,
        CodeState(row.code_state),
        _window(row),
    )
    learner = Learner(row.asked_person_id, row.registered, row.redeemed)
    return Found(code, session_of(row), learner)


_ADD_REDEMPTIONS = text("""
    INSERT INTO redemptions (session_id, person_id, code_id, redeemed_at)
    SELECT session_id, person_id, code_id, :redeemed_at
    FROM unnest(:session_ids, :person_ids, :code_ids) AS redeemed (session_id, person_id, code_id)
    ORDER BY session_id, person_id
    ON CONFLICT ON CONSTRAINT pk_redemptions DO NOTHING
""").bindparams(
    bindparam("redeemed_at", type_=DateTime(timezone=True)),
    *(bindparam(name, type_=ARRAY(Uuid)) for name in ("session_ids", "person_ids", "code_ids")),
)


async def add_redemptions(tx: Transaction, redeemed: Sequence[tuple[Code, UUID]]) -> None:
    """Notes that each person was admitted to the code's session, unless they were before."""
    await tx.execute(
        _ADD_REDEMPTIONS,
        {
            "redeemed_at": tx.now,
            "session_ids": [code.session_id for code, _ in redeemed],
            "person_ids": [person_id for _, person_id in redeemed],
            "code_ids": [code.code_id for code, _ in redeemed],
        },
    )


def _kept(row: Row[*tuple[object, ...]]) -> KeptCode:
    code = Code(
        row.code_id,
        row.session_id,
        row.person_id,
        CodeState(row.state),
        _window(row),
    )
    return KeptCode(code, row.encrypted_text)


def _window(row: Row[*tuple[object, ...]]) -> Window | None:
    return Window(row.valid_from, row.valid_until) if row.own_window else None

"""Codes in the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import Row, exists, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain.codes import Code, CodeState, Learner, Window
from proctorium_enrollment.domain.sessions import SessionState
from proctorium_enrollment.storage.tables import codes as table
from proctorium_enrollment.storage.tables import sessions


@dataclass(frozen=True, slots=True)
class StoredCode:
    """A code with its encrypted text."""

    code: Code
    encrypted_text: bytes


@dataclass(frozen=True, slots=True)
class BlindIndexes:
    """The blind indexes of a code's text and of its lower-case text."""

    exact: bytes
    folded: bytes


async def insert_code(
    tx: Transaction,
    stored: StoredCode,
    indexes: BlindIndexes,
    *,
    automatic: bool = False,
    replaces: UUID | None = None,
) -> bool:
    """Insert a code, and return whether it was inserted.

    The code is not inserted if another code has the same text. `automatic` says whether the code is issued because the
    session was scheduled. A session has at most one such code, and a second one is not inserted.
    """
    code = stored.code
    new = insert(table).values(
        code_id=code.code_id,
        session_id=code.session_id,
        person_id=code.person_id,
        lookup=indexes.exact,
        folded_lookup=indexes.folded,
        encrypted_text=stored.encrypted_text,
        state=code.state,
        valid_from=code.window.valid_from if code.window else None,
        valid_until=code.window.valid_until if code.window else None,
        automatic=automatic,
        replaces_code_id=replaces,
        created_at=tx.now,
    )
    rows = await tx.execute(new.on_conflict_do_nothing().returning(table.c.code_id))
    return rows.first() is not None


async def has_valid_code_with(tx: Transaction, folded: bytes) -> bool:
    """Return whether a code with the same text, ignoring case, is valid now or becomes valid later.

    `folded` is the blind index of the lower-case text.
    """
    over = [state for state in SessionState if state.is_over]
    rows = await tx.execute(
        select(
            exists().where(
                table.c.folded_lookup == folded,
                table.c.state == CodeState.ACTIVE,
                or_(table.c.valid_until.is_(None), table.c.valid_until > tx.now),
                sessions.c.session_id == table.c.session_id,
                sessions.c.state.not_in(over),
            )
        )
    )
    return rows.scalar_one()


async def has_automatic_code(tx: Transaction, session_id: UUID) -> bool:
    """Return whether the session has a code that was issued when the session was scheduled."""
    rows = await tx.execute(
        select(exists().where(table.c.session_id == session_id, table.c.automatic))
    )
    return rows.scalar_one()


async def lock_shared_code(tx: Transaction, session_id: UUID) -> Code | None:
    """Lock and return the newest active shared code of the session, or None if there is none.

    Codes with a time window are ignored.
    """
    rows = await tx.execute(
        select(table)
        .where(
            table.c.session_id == session_id,
            table.c.person_id.is_(None),
            table.c.state == CodeState.ACTIVE,
            table.c.valid_until.is_(None),
        )
        .order_by(table.c.created_at.desc(), table.c.code_id.desc())
        .limit(1)
        .with_for_update(key_share=True)
    )
    row = rows.first()
    return None if row is None else _stored_code(row).code


async def get_code(tx: Transaction, code_id: UUID) -> StoredCode | None:
    """Return a code with its encrypted text, or None if there is no such code."""
    row = (await tx.execute(select(table).where(table.c.code_id == code_id))).first()
    return None if row is None else _stored_code(row)


async def lock_code(tx: Transaction, code_id: UUID) -> StoredCode | None:
    """Lock and return a code with its encrypted text, or None if there is no such code."""
    rows = await tx.execute(
        select(table).where(table.c.code_id == code_id).with_for_update(key_share=True)
    )
    row = rows.first()
    return None if row is None else _stored_code(row)


async def update_code_state(tx: Transaction, code_id: UUID, state: CodeState) -> None:
    """Update the state of a code."""
    await tx.execute(update(table).where(table.c.code_id == code_id).values(state=state))


async def list_codes_of_session(
    tx: Transaction, session_id: UUID, before: UUID | None, limit: int
) -> Sequence[StoredCode]:
    """Return at most `limit` codes of the session, newest first.

    If `before` is not None, all returned codes are older than the code with this ID.
    """
    statement = select(table).where(table.c.session_id == session_id)
    if before is not None:
        statement = statement.where(table.c.code_id < before)
    rows = await tx.execute(statement.order_by(table.c.code_id.desc()).limit(limit))
    return [_stored_code(row) for row in rows]


@dataclass(frozen=True, slots=True)
class Entry:
    """A code entry. `lookup` is the blind index of the entered text."""

    lookup: bytes
    person_id: UUID


@dataclass(frozen=True, slots=True)
class ResolvedEntry:
    """The code that a learner entered, and the learner."""

    code: Code
    learner: Learner


_RESOLVE_ENTRIES = """
    SELECT entry.position, code.code_id, code.session_id, code.person_id, code.state,
        code.valid_from, code.valid_until,
        EXISTS (
            SELECT FROM registrations
            WHERE person_id = entry.person_id AND course_id = session.course_id
        ) AS registered,
        EXISTS (
            SELECT FROM session_members AS member
            WHERE member.session_id = code.session_id AND member.person_id = entry.person_id
                AND member.role = 'learner' AND member.joined
        ) AS joined
    FROM unnest($1::bytea[], $2::uuid[]) WITH ORDINALITY AS entry (lookup, person_id, position)
    JOIN codes AS code ON code.lookup = entry.lookup
    JOIN sessions AS session ON session.session_id = code.session_id
"""


async def resolve_entries(tx: Transaction, entries: Sequence[Entry]) -> list[ResolvedEntry | None]:
    """Return the code of each entry, in the order of `entries`. An element is None if no code has the text."""
    rows = await tx.fetch(
        _RESOLVE_ENTRIES, [each.lookup for each in entries], [each.person_id for each in entries]
    )
    resolved: list[ResolvedEntry | None] = [None] * len(entries)
    for row in rows:
        index = row["position"] - 1
        window = _window(row["valid_from"], row["valid_until"])
        state = CodeState(row["state"])
        resolved[index] = ResolvedEntry(
            Code(row["code_id"], row["session_id"], row["person_id"], state, window),
            Learner(entries[index].person_id, row["registered"], row["joined"]),
        )
    return resolved


def _stored_code(row: Row[*tuple[object, ...]]) -> StoredCode:
    code = Code(
        row.code_id,
        row.session_id,
        row.person_id,
        CodeState(row.state),
        _window(row.valid_from, row.valid_until),
    )
    return StoredCode(code, row.encrypted_text)


def _window(valid_from: datetime | None, valid_until: datetime | None) -> Window | None:
    if valid_from is None or valid_until is None:
        return None
    return Window(valid_from, valid_until)

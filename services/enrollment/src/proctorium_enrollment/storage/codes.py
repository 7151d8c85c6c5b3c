"""Codes in the database."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from sqlalchemy import Row, exists, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain.codes import Code, CodeState, Learner, Window
from proctorium_enrollment.domain.sessions import SessionState
from proctorium_enrollment.storage.tables import codes as table
from proctorium_enrollment.storage.tables import sessions

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
    """Return whether a code that is valid now or later has this folded blind index."""
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
    """Return the code, locked until the transaction ends."""
    found = await tx.execute(
        select(table).where(table.c.code_id == code_id).with_for_update(key_share=True)
    )
    row = found.first()
    return None if row is None else _kept(row)


async def set_state(tx: Transaction, code_id: UUID, state: CodeState) -> None:
    """Sets the state."""
    await tx.execute(update(table).where(table.c.code_id == code_id).values(state=state.value))


async def list_newest(
    tx: Transaction, session_id: UUID, before: UUID | None, limit: int
) -> Sequence[KeptCode]:
    """Return at most `limit` codes of the session, newest first, older than the code `before`."""
    query = select(table).where(table.c.session_id == session_id)
    if before is not None:
        query = query.where(table.c.code_id < before)
    found = await tx.execute(query.order_by(table.c.code_id.desc()).limit(limit))
    return [_kept(row) for row in found]


@dataclass(frozen=True)
class Entry:
    """A learner who entered a text with this blind index."""

    lookup: bytes
    person_id: UUID


@dataclass(frozen=True)
class Found:
    """The code of an entry, and how the learner stands to it."""

    code: Code
    learner: Learner


_RESOLVE = """
    SELECT entry.nth, code.code_id, code.session_id, code.person_id, code.state,
        code.own_window, code.valid_from, code.valid_until,
        EXISTS (
            SELECT FROM registrations
            WHERE person_id = entry.person_id AND course_id = session.course_id
        ) AS registered,
        EXISTS (
            SELECT FROM session_members AS member
            WHERE member.session_id = code.session_id AND member.person_id = entry.person_id
                AND member.part = 'learner' AND member.joined
        ) AS joined
    FROM unnest($1::bytea[], $2::uuid[]) WITH ORDINALITY AS entry (lookup, person_id, nth)
    JOIN codes AS code ON code.lookup = entry.lookup
    JOIN sessions AS session ON session.session_id = code.session_id
"""


async def resolve(tx: Transaction, entries: Sequence[Entry]) -> list[Found | None]:
    """Return the code of each entry; None where no code has its text."""
    rows = await tx.fetch(
        _RESOLVE, [each.lookup for each in entries], [each.person_id for each in entries]
    )
    found: list[Found | None] = [None] * len(entries)
    for row in rows:
        place = row["nth"] - 1
        window = Window(row["valid_from"], row["valid_until"]) if row["own_window"] else None
        state = CodeState(row["state"])
        found[place] = Found(
            Code(row["code_id"], row["session_id"], row["person_id"], state, window),
            Learner(entries[place].person_id, row["registered"], row["joined"]),
        )
    return found


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

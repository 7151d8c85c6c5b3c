"""Credentials, sign-ins and refresh tokens in the database."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from sqlalchemy import ColumnElement, select, update
from sqlalchemy.dialects.postgresql import insert

from proctorium_common.storage.database import Transaction
from proctorium_enrollment.domain.people import Person
from proctorium_enrollment.domain.sign_ins import RefreshToken, SignIn
from proctorium_enrollment.storage import people
from proctorium_enrollment.storage.tables import credentials, refresh_tokens, sign_ins
from proctorium_enrollment.storage.tables import people as table


@dataclass(frozen=True)
class Account:
    """A person and the hash of their password; None for who has none."""

    person: Person
    password_hash: str | None


async def find(tx: Transaction, email: str) -> Account | None:
    """The account with this normalised e-mail address: one query, whether or not it is somebody's."""
    query = (
        select(table, credentials.c.password_hash)
        .outerjoin(credentials, credentials.c.person_id == table.c.person_id)
        .where(table.c.email == email)
    )
    row = (await tx.execute(query)).first()
    return None if row is None else Account(people.person_of(row), row.password_hash)


async def lock_password_hash(tx: Transaction, person_id: UUID) -> str | None:
    """The hash of the person's password, which nobody else replaces until the transaction ends."""
    found = await tx.execute(
        select(credentials.c.password_hash)
        .where(credentials.c.person_id == person_id)
        .with_for_update()
    )
    return found.scalar_one_or_none()


async def set_password_hash(tx: Transaction, person_id: UUID, password_hash: str) -> None:
    """Sets or replaces the hash of the person's password."""
    added = insert(credentials).values(
        person_id=person_id, password_hash=password_hash, changed_at=tx.now
    )
    await tx.execute(
        added.on_conflict_do_update(
            constraint="pk_credentials",
            set_={
                "password_hash": added.excluded.password_hash,
                "changed_at": added.excluded.changed_at,
            },
        )
    )


async def add_sign_in(tx: Transaction, sign_in: SignIn) -> None:
    """Adds a sign-in."""
    await tx.execute(
        insert(sign_ins).values(
            sign_in_id=sign_in.sign_in_id,
            person_id=sign_in.person_id,
            created_at=sign_in.create_time,
            stay_signed_in=sign_in.stay_signed_in,
        )
    )


async def lock_sign_in(tx: Transaction, token: str) -> tuple[SignIn, RefreshToken] | None:
    """The sign-in that the refresh token belongs to, which nobody else changes until the transaction ends."""
    own = select(refresh_tokens.c.sign_in_id).where(_is(token)).scalar_subquery()
    found = await tx.execute(select(sign_ins).where(sign_ins.c.sign_in_id == own).with_for_update())
    row = found.first()
    if row is None:
        return None
    # Read again: whoever had the lock before us may have used the token.
    kept = await find_token(tx, token)
    assert kept is not None
    ended = row.ended_at is not None
    return SignIn(row.sign_in_id, row.person_id, row.created_at, ended, row.stay_signed_in), kept


async def find_token(tx: Transaction, token: str) -> RefreshToken | None:
    """What is kept of a refresh token."""
    row = (await tx.execute(select(refresh_tokens).where(_is(token)))).first()
    return None if row is None else RefreshToken(row.expires_at, row.used_at)


async def add_token(tx: Transaction, sign_in_id: UUID, token: str, expires: datetime) -> None:
    """Adds a refresh token to a sign-in."""
    await tx.execute(
        insert(refresh_tokens).values(
            token_hash=_hash(token), sign_in_id=sign_in_id, created_at=tx.now, expires_at=expires
        )
    )


async def mark_used(tx: Transaction, token: str) -> None:
    """Marks a refresh token as used."""
    await tx.execute(update(refresh_tokens).where(_is(token)).values(used_at=tx.now))


async def end_sign_in(tx: Transaction, sign_in_id: UUID) -> None:
    """Ends a sign-in, unless it has ended."""
    await tx.execute(
        update(sign_ins)
        .where(sign_ins.c.sign_in_id == sign_in_id, sign_ins.c.ended_at.is_(None))
        .values(ended_at=tx.now)
    )


async def end_sign_ins(tx: Transaction, person_id: UUID) -> None:
    """Ends all sign-ins of a person."""
    await tx.execute(
        update(sign_ins)
        .where(sign_ins.c.person_id == person_id, sign_ins.c.ended_at.is_(None))
        .values(ended_at=tx.now)
    )


def _is(token: str) -> ColumnElement[bool]:
    return refresh_tokens.c.token_hash == _hash(token)


def _hash(token: str) -> bytes:
    # 256 random bits need no slow hash.
    return hashlib.sha256(token.encode()).digest()
